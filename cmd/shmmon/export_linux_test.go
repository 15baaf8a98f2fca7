package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/command"
)

// series returns the value of a series in a text of metrics, -1 if it is missing.
func series(t *testing.T, text, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		return -1
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// get asks for a page, with another name for the host if host is not empty.
func get(t *testing.T, method, url, host string) (code int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// The exporter waits for its domain, serves the figures of another process, goes on when that restarts, and ends when it is told to.
func TestExport_Scrapes(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	dir := domains(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		ended <- command.Run(ctx, []string{"--dir", dir, "export", "--listen", "127.0.0.1:0", "--interval", "100ms"}, in, &stderr)
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(line)
	if _, text := get(t, http.MethodGet, url, ""); series(t, text, "shmbus_up") != 0 {
		t.Error(text)
	}
	stop := startPublisher(t, dir)
	const fast = `shmbus_topic_messages_total{topic="live/fast"}`
	grows := func(from float64) float64 {
		t.Helper()
		for deadline := time.Now().Add(long); ; {
			code, text := get(t, http.MethodGet, url, "")
			if n := series(t, text, fast); code == http.StatusOK && n > from {
				return n
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not exceed %v: %d %s", fast, from, code, text)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	before := grows(0)
	before = grows(before)
	_, text := get(t, http.MethodGet, url, "localhost:1")
	if series(t, text, "shmbus_up") != 1 || series(t, text, `shmbus_topic_publishers{topic="live/slow"}`) != 1 || series(t, text, `shmbus_alerts{rule="dead"}`) != 0 {
		t.Error(text)
	}
	published := stop()["live/fast"]
	if n := float64(len(published.At)); before > n {
		t.Errorf("%v messages are exported, %v were published", before, n)
	}
	stop = startPublisher(t, dir)
	grows(0)
	stop()
	for request, want := range map[[2]string]int{
		{http.MethodGet, "evil.example"}: http.StatusForbidden, {http.MethodGet, "192.0.2.1:80"}: http.StatusForbidden,
		{http.MethodPost, ""}: http.StatusMethodNotAllowed, {http.MethodHead, "[::1]:9"}: http.StatusOK,
	} {
		if code, body := get(t, request[0], url, request[1]); code != want {
			t.Errorf("%s for host %q: %d, want %d: %s", request[0], request[1], code, want, body)
		}
	}
	if code, _ := get(t, http.MethodGet, strings.TrimSuffix(url, "metrics")+"other", ""); code != http.StatusNotFound {
		t.Errorf("another page: %d", code)
	}
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("it ends with %d: %s", code, stderr.String())
	}
}
