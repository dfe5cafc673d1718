package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// said collects what a device says; devices speak from several goroutines.
type said struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// running is a device behind a real server; its end is told on a channel instead of ending the test.
func running(t *testing.T, pairs ...string) (d *device, url string, ended <-chan int) {
	t.Helper()
	s, err := read(environment(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	d, err = newDevice(s, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	codes := make(chan int, 1)
	d.end = func(code int) { codes <- code }
	d.schedule()
	server := httptest.NewServer(d.handler())
	t.Cleanup(server.Close)
	return d, server.URL, codes
}

func ask(t *testing.T, method, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}

func TestThePageTellsWhoItIs(t *testing.T) {
	_, url, _ := running(t, "DEVICE_NAME", "Fridge <1>")
	code, body := ask(t, "GET", url)
	if code != 200 || !strings.Contains(body, "Fridge &lt;1&gt;") || !strings.Contains(body, version) {
		t.Fatal(code, body)
	}
}

func TestThePageIsJSONForPrograms(t *testing.T) {
	_, url, _ := running(t, "DEVICE_NAME", "Fridge")
	request, _ := http.NewRequest("GET", url, nil)
	request.Header.Set("Accept", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got status
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	if got.Name != "Fridge" || got.Version != version || got.Host != host || !got.Ready {
		t.Fatalf("%+v", got)
	}
}

func TestReadinessIsSwitched(t *testing.T) {
	_, url, _ := running(t)
	for _, step := range []struct {
		on   string
		code int
	}{{"false", 503}, {"true", 200}} {
		if code, body := ask(t, "POST", url+"/ready?on="+step.on); code != 200 {
			t.Fatal(code, body)
		}
		if code, _ := ask(t, "GET", url+"/readyz"); code != step.code {
			t.Errorf("on=%s: readyz answers %d", step.on, code)
		}
		if code, _ := ask(t, "GET", url+"/healthz"); code != 200 {
			t.Errorf("on=%s: healthz answers %d", step.on, code)
		}
	}
}

func TestItBecomesReadyLater(t *testing.T) {
	d, _, _ := running(t, "READY_AFTER", "0.05")
	if d.ready.Load() {
		t.Fatal("ready at once")
	}
	within(t, "ready", d.ready.Load)
	never, _, _ := running(t, "READY_AFTER", "never")
	if never.ready.Load() {
		t.Fatal("ready although never")
	}
}

func TestItEndsOnCommandAfterAnswering(t *testing.T) {
	for path, expected := range map[string]int{"/crash": 1, "/exit?code=3": 3, "/exit": 0} {
		_, url, ended := running(t)
		if code, body := ask(t, "POST", url+path); code != 200 {
			t.Fatal(path, code, body)
		}
		if code := <-ended; code != expected {
			t.Errorf("%s ended with %d", path, code)
		}
	}
}

func TestItEndsByTheEnvironment(t *testing.T) {
	_, _, ended := running(t, "CRASH_AFTER", "0.01")
	if code := <-ended; code != 1 {
		t.Error(code)
	}
	_, _, ended = running(t, "EXIT_AFTER", "0", "EXIT_CODE", "7")
	if code := <-ended; code != 7 {
		t.Error(code)
	}
}

func TestAHangingDeviceAnswersNothingUntilItWakes(t *testing.T) {
	_, url, _ := running(t)
	if code, body := ask(t, "POST", url+"/hang?seconds=0.4"); code != 200 {
		t.Fatal(code, body)
	}
	impatient := http.Client{Timeout: 100 * time.Millisecond}
	if answer, err := impatient.Get(url + "/healthz"); err == nil {
		t.Fatal("it answered", answer.Status)
	}
	if code, _ := ask(t, "GET", url+"/healthz"); code != 200 { // Waits until it is awake again.
		t.Fatal(code)
	}
}

func TestItHangsByTheEnvironment(t *testing.T) {
	d, _, _ := running(t, "HANG_AFTER", "0.01")
	within(t, "hanging", func() bool {
		select {
		case <-d.answering():
			return false
		default:
			return true
		}
	})
}

func TestItGrowsAndBurnsAndTellsSo(t *testing.T) {
	d, url, _ := running(t, "LEAK_MB", "2", "LEAK_SECONDS", "0.01")
	within(t, "2 MB", func() bool { return d.grown() == 2 })
	if code, body := ask(t, "POST", url+"/leak?mb=1"); code != 200 {
		t.Fatal(code, body)
	}
	within(t, "3 MB", func() bool { return d.grown() == 3 })
	if code, body := ask(t, "POST", url+"/burn?seconds=0.3&cores=1"); code != 200 {
		t.Fatal(code, body)
	}
	_, body := ask(t, "GET", url+"/metrics")
	for _, line := range []string{"device_leaked_bytes 3.145728e+06\n", "device_burning_cores 1\n", "device_ready 1\n", `version="` + version + `"} 1` + "\n"} {
		if !strings.Contains(body, line) {
			t.Errorf("no %q in\n%s", line, body)
		}
	}
	within(t, "cool", func() bool { return d.burning.Load() == 0 })
}

func TestStartsAreCountedWhereItLasts(t *testing.T) {
	folder := t.TempDir()
	for start := 1; start <= 2; start++ {
		if d, _, _ := running(t, "DATA_DIR", folder); d.starts != start {
			t.Fatalf("start %d counted as %d", start, d.starts)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "starts"), []byte("many"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, _ := read(environment("DATA_DIR", folder))
	if _, err := newDevice(s, io.Discard); err == nil {
		t.Fatal("a spoilt count was taken for a number")
	}
}

func TestItFillsItsDataFolder(t *testing.T) {
	folder := t.TempDir()
	_, url, _ := running(t, "DATA_DIR", folder)
	if code, body := ask(t, "POST", url+"/fill?mb=1"); code != 200 {
		t.Fatal(code, body)
	}
	if info, err := os.Stat(filepath.Join(folder, "fill")); err != nil || info.Size() != 1<<20 {
		t.Fatal(info, err)
	}
	_, url, _ = running(t)
	if code, body := ask(t, "POST", url+"/fill"); code != 400 || !strings.Contains(body, "DATA_DIR") {
		t.Fatal(code, body)
	}
}

func TestBadCommandsAreRefused(t *testing.T) {
	_, url, ended := running(t)
	for _, path := range []string{"/ready", "/ready?on=maybe", "/exit?code=256", "/exit?code=x", "/hang?seconds=-1", "/leak?mb=-1",
		"/leak?seconds=NaN", "/burn?cores=x", "/burn?seconds=x", "/fill?mb=x"} {
		if code, body := ask(t, "POST", url+path); code != 400 {
			t.Error(path, code, body)
		}
	}
	if code, _ := ask(t, "GET", url+"/crash"); code != 405 {
		t.Error("a crash by GET:", code)
	}
	if code, _ := ask(t, "GET", url+"/nothing"); code != 404 {
		t.Error(code)
	}
	select {
	case code := <-ended:
		t.Error("it ended with", code)
	default:
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	for _, pair := range [][2]string{{"CRASH_AFTER", "soon"}, {"READY_AFTER", "-1"}, {"LEAK_MB", "x"}, {"BURN_CORES", "-2"}, {"EXIT_CODE", "1.5"}} {
		if _, err := read(environment(pair[0], pair[1])); err == nil || !strings.Contains(err.Error(), pair[0]) {
			t.Error(pair, err)
		}
	}
}
