// HashiCorp Vault with the parts that a home needs, under its own command line as far as the chart uses
// it: the server with a file storage, accounts by Kubernetes and key-value secrets, and the agent. The
// whole program would compile the interfaces of every cloud. Later releases of 1.14 do not go with any
// SDK that is published as a module.
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{"agent": agent, "server": serve}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: vault agent|server -config=FILE")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "Error: %s\n", err)
		os.Exit(1)
	}
}
