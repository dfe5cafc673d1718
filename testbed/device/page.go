package main

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strings"
	"time"
)

// status is what the page shows.
type status struct {
	Name    string  `json:"name"`
	Version string  `json:"version"`
	Host    string  `json:"hostname"`
	Uptime  float64 `json:"uptime_seconds"`
	Ready   bool    `json:"ready"`
	Starts  int     `json:"starts,omitempty"` // Counted in DATA_DIR; 0 without one.
}

func (d *device) status() status {
	return status{Name: d.name, Version: version, Host: d.host, Ready: d.ready.Load(), Starts: d.starts,
		Uptime: math.Round(time.Since(d.began).Seconds()*10) / 10}
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Name}}</title>
<style>body{font:16px system-ui;margin:3em auto;max-width:26em}dt{color:#777}dd{margin:0 0 .6em}</style>
<h1>{{.Name}}</h1>
<dl><dt>Firmware<dd>{{.Version}}<dt>Host name<dd>{{.Host}}<dt>Uptime<dd>{{.Uptime}} s
<dt>Ready<dd>{{if .Ready}}yes{{else}}no{{end}}{{with .Starts}}<dt>Starts<dd>{{.}}{{end}}</dl>
</html>
`))

func (d *device) page(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(d.status())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page.Execute(w, d.status())
}

func (d *device) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	for _, figure := range []struct {
		name, kind, help, labels string
		value                    float64
	}{
		{"device_info", "gauge", "Always 1; its labels say which device this is.", fmt.Sprintf("{name=%q,version=%q}", d.name, version), 1},
		{"device_uptime_seconds", "gauge", "Seconds since the start.", "", time.Since(d.began).Seconds()},
		{"device_ready", "gauge", "1 while ready.", "", figure(d.ready.Load())},
		{"device_starts_total", "counter", "Starts counted in the data folder.", "", float64(d.starts)},
		{"device_requests_total", "counter", "Requests received.", "", float64(d.requests.Load())},
		{"device_leaked_bytes", "gauge", "Memory taken on command.", "", float64(d.grown() << 20)},
		{"device_burning_cores", "gauge", "Processors kept busy on command.", "", float64(d.burning.Load())},
	} {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s%s %g\n", figure.name, figure.help, figure.name, figure.kind, figure.name, figure.labels, figure.value)
	}
}

func figure(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
