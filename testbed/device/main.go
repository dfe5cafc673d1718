// Device is what stands for a home device in the test cluster: the fridge's firmware agent, the jazz
// server, the weather station. It does nothing by itself but tell how it is, and it misbehaves on command.
//
//	device [run]            serve (see device.go for what the environment sets, server.go for the commands)
//	device exit CODE [SECONDS]  end with CODE, at once or after SECONDS: an init container, a job
//	device sleep SECONDS    a job that takes its time and succeeds
//	device get URL [SECONDS]  fetch URL, print it, fail unless it answers 2xx in time: a probe, a visitor
//
// It is meant to be the first process of its container: it ends at once on SIGTERM and SIGINT, for which
// the kernel gives the first process no default.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// version is the firmware version, set by the linker.
var version = "v0.0.0"

const usage = "usage: device [run | exit CODE [SECONDS] | sleep SECONDS | get URL [SECONDS]]"

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	ended := make(chan int, 1)
	go func() { ended <- start(os.Args[1:], os.Getenv, os.Stdout) }()
	os.Exit(wait(signals, ended, os.Getenv("IGNORE_TERM") == "true", os.Stdout))
}

// wait returns the exit code: that of the work, or 0 when a signal comes first. With stubborn set, signals
// are said and ignored, so that only SIGKILL ends the program.
func wait(signals <-chan os.Signal, ended <-chan int, stubborn bool, out io.Writer) int {
	for {
		select {
		case code := <-ended:
			return code
		case got := <-signals:
			if !stubborn {
				fmt.Fprintf(out, "%s: goodbye\n", got)
				return 0
			}
			fmt.Fprintf(out, "%s: ignored\n", got)
		}
	}
}

// start does what the arguments ask for and returns the exit code.
func start(arguments []string, env func(string) string, out io.Writer) int {
	mode := "run"
	if len(arguments) > 0 {
		mode, arguments = arguments[0], arguments[1:]
	}
	var err error
	switch {
	case mode == "run" && len(arguments) == 0:
		err = run(env, out)
	case mode == "exit" && (len(arguments) == 1 || len(arguments) == 2):
		code, problem := exit(arguments, out)
		if problem == nil {
			return code
		}
		err = problem
	case mode == "sleep" && len(arguments) == 1:
		err = sleep(arguments[0], out)
	case mode == "get" && (len(arguments) == 1 || len(arguments) == 2):
		err = get(arguments, out)
	default:
		fmt.Fprintln(out, usage)
		return 2
	}
	if err != nil {
		fmt.Fprintln(out, "device:", err)
		return 1
	}
	return 0
}

// run serves until the process ends.
func run(env func(string) string, out io.Writer) error {
	settings, err := read(env)
	if err != nil {
		return err
	}
	device, err := newDevice(settings, out)
	if err != nil {
		return err
	}
	device.schedule()
	device.say("firmware %s listening on %s", version, settings.listen)
	server := &http.Server{Addr: settings.listen, Handler: device.handler(), ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

// exit waits if told so and returns the code to end with.
func exit(arguments []string, out io.Writer) (int, error) {
	code, err := strconv.Atoi(arguments[0])
	if err != nil || code < 0 || code > 255 {
		return 0, fmt.Errorf("exit code %q is not a number from 0 to 255", arguments[0])
	}
	if len(arguments) == 2 {
		pause, err := seconds(arguments[1])
		if err != nil {
			return 0, err
		}
		time.Sleep(pause)
	}
	fmt.Fprintf(out, "ending with exit code %d\n", code)
	return code, nil
}

// sleep is a job's work: it says when it starts and when it is done.
func sleep(text string, out io.Writer) error {
	pause, err := seconds(text)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "working for %s\n", pause)
	time.Sleep(pause)
	fmt.Fprintln(out, "done")
	return nil
}

// get fetches an address within the time given (5 s) and prints what came.
func get(arguments []string, out io.Writer) error {
	limit := 5 * time.Second
	if len(arguments) == 2 {
		var err error
		if limit, err = seconds(arguments[1]); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, arguments[0], nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(out, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return errors.New(answer.Status)
	}
	return nil
}

// seconds reads a number of seconds, whole or not.
func seconds(text string) (time.Duration, error) {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !(number >= 0 && number <= 1e9) {
		return 0, fmt.Errorf("%q is not a number of seconds", text)
	}
	return time.Duration(number * float64(time.Second)), nil
}
