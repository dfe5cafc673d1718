package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestModesEndAsToldTo(t *testing.T) {
	for _, mode := range []struct {
		arguments string
		code      int
		says      string
	}{
		{"exit 3", 3, "exit code 3"},
		{"exit 4 0.01", 4, "exit code 4"},
		{"exit 256", 1, "256"},
		{"exit 1 soon", 1, "soon"},
		{"sleep 0.01", 0, "done"},
		{"sleep x", 1, "x"},
		{"get", 2, "usage"},
		{"get ://", 1, "device:"},
		{"get http://localhost:1 x", 1, "x"},
		{"dance", 2, "usage"},
		{"run fast", 2, "usage"},
	} {
		var out strings.Builder
		code := start(strings.Fields(mode.arguments), environment(), &out)
		if code != mode.code || !strings.Contains(out.String(), mode.says) {
			t.Errorf("%s: %d %s", mode.arguments, code, out.String())
		}
	}
}

func TestGetFailsUnlessItIsAnsweredWell(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "here")
	}))
	defer server.Close()
	for path, expected := range map[string]int{"/": 0, "/other": 1} {
		var out strings.Builder
		if code := start([]string{"get", server.URL + path}, environment(), &out); code != expected {
			t.Error(path, code, out.String())
		}
	}
	server.Close()
	if code := start([]string{"get", server.URL, "1"}, environment(), io.Discard); code != 1 {
		t.Error("nobody answered, and it ended with", code)
	}
}

func TestRunRefusesWhatItCannotServe(t *testing.T) {
	for _, env := range []func(string) string{environment("CRASH_AFTER", "x"), environment("DATA_DIR", "/nowhere/at/all"), environment("LISTEN", "nonsense")} {
		if code := start(nil, env, io.Discard); code != 1 {
			t.Error(code)
		}
	}
}

func TestSignalsEndItUnlessItIsStubborn(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	if code := wait(signals, make(chan int), false, io.Discard); code != 0 {
		t.Error(code)
	}
	signals <- syscall.SIGTERM
	out, ended := &said{}, make(chan int)
	go func() {
		for !strings.Contains(out.String(), "ignored") {
			time.Sleep(time.Millisecond)
		}
		ended <- 5
	}()
	if code := wait(signals, ended, true, out); code != 5 {
		t.Error(code)
	}
}

// The program itself: static, and gone at once when asked to end.
func TestTheProgramIsStaticAndEndsAtOnce(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "device")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=v9.8.7", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		program := exec.Command(binary)
		program.Env = []string{"LISTEN=127.0.0.1:0", "DEVICE_NAME=Fridge"}
		pipe, err := program.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 200)
		count, _ := pipe.Read(line)
		if !strings.Contains(string(line[:count]), "Fridge: firmware v9.8.7 listening") {
			t.Error(string(line[:count]))
		}
		asked := time.Now()
		program.Process.Signal(signal)
		io.Copy(io.Discard, pipe)
		if err := program.Wait(); err != nil {
			t.Error(signal, err)
		}
		if took := time.Since(asked); took > time.Second {
			t.Error(signal, "took", took)
		}
	}
}
