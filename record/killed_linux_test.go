package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

const recordTo = "SHMBUS_TEST_RECORD_TO"

// TestMain is also the recorder that TestRecord_KilledRecorderLeavesReadableFile kills, and the processes of the benchmarks.
func TestMain(m *testing.M) {
	if js := os.Getenv(measureRole); js != "" {
		var r role
		err := json.Unmarshal([]byte(js), &r)
		if err == nil {
			err = r.run(os.Stdin, os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	path := os.Getenv(recordTo)
	if path == "" {
		os.Exit(m.Run())
	}
	p, err := topic.Join(nil) // the domain comes from the environment
	if err == nil {
		_, err = Record(context.Background(), p, path, &RecordOptions{Lossless: true, Started: func() { fmt.Println("started") }})
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestRecord_KilledRecorderLeavesReadableFile(t *testing.T) {
	d := domain(t)
	path := filepath.Join(t.TempDir(), "f.mcap")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), recordTo+"="+path, "SHMBUS_DIR="+d.Dir, "SHMBUS_DOMAIN="+d.Domain)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(out, new(string)); err != nil {
		t.Fatal(err)
	}
	pub := publisher[string](t, join(t, d), "a", nil)
	const n = 100
	for i := range n {
		publish(t, pub, fmt.Sprint(i))
	}
	path += unfinished
	// The recorder is quiet now, far from a full chunk; it must write all the same.
	for readable(path) < n {
		time.Sleep(20 * time.Millisecond)
	}
	for i := range n {
		publish(t, pub, fmt.Sprint(n+i))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the recorder ended with %v", err)
	}

	info, err := ReadInfo(path)
	if err != nil || info.Closed || info.Messages < n || info.SequenceGaps != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	again, s := replay(t, path, PlayOptions{Max: true})
	var truncated *mcapfile.TruncatedError
	if !errors.As(s.Damage, &truncated) {
		t.Errorf("the damage is %v", s.Damage)
	}
	for i, m := range messages(t, again) {
		if string(m.Data) != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m.Data)
		}
	}
}

// readable returns how many messages can be read from a file that is being written.
func readable(path string) uint64 {
	info, err := ReadInfo(path)
	if err != nil {
		return 0
	}
	return info.Messages
}
