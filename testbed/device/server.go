package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// handler serves
//
//	GET  /          the status page; JSON when the client accepts application/json
//	GET  /healthz   200 while it answers at all
//	GET  /readyz    200 while it is ready, else 503
//	GET  /metrics   figures for Prometheus
//	POST /ready?on=true|false
//	POST /crash     end with exit code 1
//	POST /exit?code=3
//	POST /hang?seconds=30     stop answering, for ever unless seconds are given
//	POST /leak?mb=64&seconds=10
//	POST /burn?seconds=30&cores=1
//	POST /fill?mb=64          write into DATA_DIR, until it is full
func (d *device) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", d.page)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", d.readiness)
	mux.HandleFunc("GET /metrics", d.metrics)
	for path, command := range map[string]command{
		"/ready": d.commandReady, "/crash": d.commandCrash, "/exit": d.commandExit, "/hang": d.commandHang,
		"/leak": d.commandLeak, "/burn": d.commandBurn, "/fill": d.commandFill,
	} {
		mux.Handle("POST "+path, command)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.requests.Add(1)
		select {
		case <-d.answering():
			mux.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

func (d *device) readiness(w http.ResponseWriter, _ *http.Request) {
	if !d.ready.Load() {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// command does what a query asks for; `after` runs when the answer is on its way.
type command func(asked query) (after func(), err error)

func (do command) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	after, err := do(query{r.URL.Query()})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, "ok")
	if flusher, can := w.(http.Flusher); can {
		flusher.Flush()
	}
	if after != nil {
		after()
	}
}

func (d *device) commandReady(asked query) (func(), error) {
	on, err := strconv.ParseBool(asked.Get("on"))
	if err != nil {
		return nil, fmt.Errorf("on must be true or false, not %q", asked.Get("on"))
	}
	d.setReady(on)
	return nil, nil
}

func (d *device) commandCrash(query) (func(), error) {
	return func() { d.stop(1) }, nil
}

func (d *device) commandExit(asked query) (func(), error) {
	code, err := asked.number("code", 0)
	if err != nil || code > 255 {
		return nil, fmt.Errorf("code must be a number from 0 to 255, not %q", asked.Get("code"))
	}
	return func() { d.stop(code) }, nil
}

func (d *device) commandHang(asked query) (func(), error) {
	during, err := asked.duration(forever)
	return func() { d.hang(during) }, err
}

func (d *device) commandLeak(asked query) (func(), error) {
	megabytes, err := asked.number("mb", 64)
	if err != nil {
		return nil, err
	}
	during, err := asked.duration(0)
	if err != nil {
		return nil, err
	}
	go d.grow(megabytes, during)
	return nil, nil
}

func (d *device) commandBurn(asked query) (func(), error) {
	cores, err := asked.number("cores", 1)
	if err != nil {
		return nil, err
	}
	during, err := asked.duration(30 * time.Second)
	if err != nil {
		return nil, err
	}
	d.heat(cores, during)
	return nil, nil
}

func (d *device) commandFill(asked query) (func(), error) {
	megabytes, err := asked.number("mb", 64)
	if err != nil {
		return nil, err
	}
	return nil, d.fill(megabytes)
}

// query is what a command was asked with.
type query struct{ url.Values }

// number is a whole number from 0.
func (q query) number(name string, otherwise int) (int, error) {
	if !q.Has(name) {
		return otherwise, nil
	}
	value, err := strconv.Atoi(q.Get(name))
	if err != nil || value < 0 {
		return 0, fmt.Errorf("%s must be a whole number from 0, not %q", name, q.Get(name))
	}
	return value, nil
}

// duration is the number of `seconds`.
func (q query) duration(otherwise time.Duration) (time.Duration, error) {
	if !q.Has("seconds") {
		return otherwise, nil
	}
	return seconds(q.Get("seconds"))
}
