package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// settings are what the environment says:
//
//	DEVICE_NAME   the name on its page (the host name)
//	LISTEN        the address to serve on (:8080)
//	DATA_DIR      a folder that lasts: the starts are counted there
//	READY_AFTER   seconds until it is ready (0); "never" for not before it is told so
//	CRASH_AFTER   seconds until it ends with exit code 1
//	EXIT_AFTER    seconds until it ends with EXIT_CODE (0)
//	HANG_AFTER    seconds until it stops answering
//	LEAK_MB       megabytes to take and keep, evenly over LEAK_SECONDS (0: at once)
//	BURN_CORES    processors to keep busy for BURN_SECONDS (for ever)
//	IGNORE_TERM   "true": only SIGKILL ends it
type settings struct {
	name       string
	host       string
	listen     string
	data       string
	readyAfter time.Duration
	neverReady bool
	crashAfter *time.Duration
	exitAfter  *time.Duration
	exitCode   int
	hangAfter  *time.Duration
	leak       int
	leakTime   time.Duration
	burn       int
	burnTime   time.Duration
}

const forever = time.Duration(1<<63 - 1)

// read takes the settings from the environment; what is not understood is an error, not a default.
func read(env func(string) string) (settings, error) {
	host, err := os.Hostname()
	if err != nil {
		return settings{}, err
	}
	result := settings{host: host, name: either(env("DEVICE_NAME"), host), listen: either(env("LISTEN"), ":8080"),
		data: env("DATA_DIR"), burnTime: forever}
	for name, into := range map[string]**time.Duration{
		"CRASH_AFTER": &result.crashAfter, "EXIT_AFTER": &result.exitAfter, "HANG_AFTER": &result.hangAfter,
	} {
		if text := env(name); text != "" {
			value, err := seconds(text)
			if err != nil {
				return settings{}, fmt.Errorf("%s: %w", name, err)
			}
			*into = &value
		}
	}
	times := map[string]*time.Duration{"LEAK_SECONDS": &result.leakTime, "BURN_SECONDS": &result.burnTime}
	if result.neverReady = env("READY_AFTER") == "never"; !result.neverReady {
		times["READY_AFTER"] = &result.readyAfter
	}
	for name, into := range times {
		if text := env(name); text != "" {
			if *into, err = seconds(text); err != nil {
				return settings{}, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for name, into := range map[string]*int{"EXIT_CODE": &result.exitCode, "LEAK_MB": &result.leak, "BURN_CORES": &result.burn} {
		if text := env(name); text != "" {
			if *into, err = strconv.Atoi(text); err != nil || *into < 0 {
				return settings{}, fmt.Errorf("%s: %q is not a whole number from 0", name, text)
			}
		}
	}
	return result, nil
}

func either(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// device is the state of one running device.
type device struct {
	settings
	began    time.Time
	starts   int
	out      io.Writer
	end      func(code int)
	ready    atomic.Bool
	requests atomic.Int64
	burning  atomic.Int64

	mutex  sync.Mutex
	awake  chan struct{} // closed while it answers; replaced by an open one while it hangs
	leaked [][]byte
}

// newDevice makes a device that answers; with a data folder it counts this start there.
func newDevice(s settings, out io.Writer) (*device, error) {
	d := &device{settings: s, began: time.Now(), out: out, end: os.Exit, awake: make(chan struct{})}
	close(d.awake)
	d.ready.Store(!s.neverReady && s.readyAfter == 0)
	if s.data == "" {
		return d, nil
	}
	starts, err := countStart(filepath.Join(s.data, "starts"))
	d.starts = starts
	return d, err
}

// countStart adds one to the number in the file and returns it.
func countStart(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return 0, err
	}
	count, err := strconv.Atoi(strings.TrimSpace(either(string(text), "0")))
	if err != nil {
		return 0, fmt.Errorf("%s does not hold a number: %w", path, err)
	}
	count++
	return count, os.WriteFile(path, []byte(strconv.Itoa(count)+"\n"), 0o644)
}

// schedule arranges what the settings ask for later.
func (d *device) schedule() {
	if !d.neverReady && d.readyAfter > 0 {
		time.AfterFunc(d.readyAfter, func() { d.setReady(true) })
	}
	if d.crashAfter != nil {
		time.AfterFunc(*d.crashAfter, func() { d.stop(1) })
	}
	if d.exitAfter != nil {
		time.AfterFunc(*d.exitAfter, func() { d.stop(d.exitCode) })
	}
	if d.hangAfter != nil {
		time.AfterFunc(*d.hangAfter, func() { d.hang(forever) })
	}
	if d.leak > 0 {
		go d.grow(d.leak, d.leakTime)
	}
	if d.burn > 0 {
		d.heat(d.burn, d.burnTime)
	}
}

func (d *device) say(format string, arguments ...any) {
	fmt.Fprintf(d.out, "%s %s: %s\n", time.Now().UTC().Format(time.RFC3339), d.name, fmt.Sprintf(format, arguments...))
}

func (d *device) setReady(on bool) {
	d.ready.Store(on)
	d.say("ready: %t", on)
}

// stop ends the program.
func (d *device) stop(code int) {
	d.say("ending with exit code %d", code)
	d.end(code)
}

// hang leaves every request without an answer for a time.
func (d *device) hang(during time.Duration) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	select {
	case <-d.awake:
	default:
		return // It hangs already.
	}
	asleep := make(chan struct{})
	d.awake = asleep
	d.say("hanging")
	time.AfterFunc(during, func() { close(asleep) })
}

// answering is closed while the device answers.
func (d *device) answering() <-chan struct{} {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.awake
}

// grow takes megabytes of memory, really used, and keeps them.
func (d *device) grow(megabytes int, during time.Duration) {
	d.say("growing by %d MB", megabytes)
	for range megabytes {
		block := make([]byte, 1<<20)
		for place := 0; place < len(block); place += 4096 {
			block[place] = 1 // The kernel counts a page only when it is written.
		}
		d.mutex.Lock()
		d.leaked = append(d.leaked, block)
		d.mutex.Unlock()
		time.Sleep(during / time.Duration(megabytes))
	}
}

func (d *device) grown() int {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return len(d.leaked)
}

// heat keeps processors busy for a time.
func (d *device) heat(cores int, during time.Duration) {
	d.say("burning %d cores", cores)
	until := time.Now().Add(min(during, 100*365*24*time.Hour))
	for range cores {
		d.burning.Add(1)
		go func() {
			defer d.burning.Add(-1)
			for time.Now().Before(until) {
			}
		}()
	}
}

// fill writes megabytes into the data folder, until it is full if there is less room.
func (d *device) fill(megabytes int) error {
	if d.data == "" {
		return fmt.Errorf("%s has no DATA_DIR", d.name)
	}
	d.say("filling the data folder with %d MB", megabytes)
	file, err := os.OpenFile(filepath.Join(d.data, "fill"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 1<<20)
	for range megabytes {
		if _, err := file.Write(block); err != nil {
			return err
		}
	}
	return file.Sync()
}
