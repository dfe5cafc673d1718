// The pause program holds a pod's namespaces open. As process 1 of a pod that shares its process
// namespace it also reaps orphans.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			child, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if child <= 0 {
				break
			}
		}
	}
}
