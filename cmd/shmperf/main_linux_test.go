package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// asProgram is the variable with which the test binary runs as shmperf. The processes that shmperf starts inherit it.
const asProgram = "SHMPERF_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// place returns a new directory of shared memory, which must be empty at the end of the test.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil {
			t.Error(err)
		}
		for _, f := range left {
			t.Errorf("left behind: %s", f.Name())
		}
		os.RemoveAll(dir)
	})
	return dir
}

func program(t *testing.T, dir, args string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append(strings.Fields(args), "--dir", dir)...)
	// Under the race detector every process would otherwise sleep a second before it ends.
	cmd.Env = append(os.Environ(), asProgram+"=1", "GORACE=atexit_sleep_ms=0")
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// run executes a command line and returns its exit code.
func run(t *testing.T, args string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := program(t, place(t), args)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// A result is what --json prints.
type result map[string]any

// keys are in the report of every command.
var keys = []string{"workload", "size", "wait", "count", "lost", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns", "msgs_per_s",
	"bytes_per_s", "allocs_per_msg", "syscalls_per_msg", "cpu_s", "kernel", "cpus", "cpu_model", "gomaxprocs", "go_version"}

// measure runs a command with --json, and checks the report.
func measure(t *testing.T, args string) result {
	t.Helper()
	code, stdout, stderr := run(t, args+" --json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var r result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	r.check(t, args)
	return r
}

func (r result) check(t *testing.T, args string) {
	t.Helper()
	for _, k := range keys {
		if _, ok := r[k]; !ok {
			t.Errorf("no %s in %v", k, r)
		}
	}
	command, _, _ := strings.Cut(args, " ")
	if r["workload"] != command {
		t.Errorf("a report of %v", r["workload"])
	}
	last := 0.0
	for _, k := range []string{"p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"} {
		if v, ok := r[k].(float64); ok {
			if v < last {
				t.Errorf("%s is %v, below the one before", k, v)
			}
			last = v
		}
	}
	for k, v := range r {
		if n, ok := v.(float64); ok && n < 0 {
			t.Errorf("%s is %v", k, n)
		}
	}
}

// want compares figures. Nil is null.
func (r result) want(t *testing.T, figures result) {
	t.Helper()
	for k, v := range figures {
		if r[k] != v {
			t.Errorf("%s is %v, not %v", k, r[k], v)
		}
	}
}

// known checks that figures are known.
func (r result) known(t *testing.T, keys ...string) {
	t.Helper()
	for _, k := range keys {
		if r[k] == nil {
			t.Errorf("%s is unknown", k)
		}
	}
}

func TestReport_CSVHasTheKeysOfJSON(t *testing.T) {
	code, stdout, stderr := run(t, "stream --count 100 --csv")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v: %s", err, stdout)
	}
	r := result{}
	for i, k := range rows[0] {
		r[k] = rows[1][i]
	}
	r.check(t, "stream")
	r.want(t, result{"count": "100", "lost": "0", "p50_ns": ""})
}

func TestReport_TableByDefault(t *testing.T) {
	code, stdout, stderr := run(t, "stream --count 100")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "\nmsgs/s ") || !strings.Contains(stdout, "\nkernel ") {
		t.Errorf("exit code %d, %s: %s", code, stderr, stdout)
	}
}

func TestUsage_WrongFlags(t *testing.T) {
	for _, args := range []string{"", "speed", "latency now", "latency --wait long", "latency --size 0", "latency --size 1000000000",
		"latency --rate -1", "latency --rate NaN", "latency --depth 3", "latency --duration -1s", "latency --json --csv", "latency --touch two",
		"latency --against-size -1", "call --wait spin", "call --stuck", "call --clients 65", "call --response-size 0", "call --against unstuck",
		"call --against floor", "call --clients 2 --against latency", "stream --batch 0", "stream --batch 257", "stream --batch 8 --loan", "stream --batch 8 --wait poll",
		"stream --batch 8 --depth 4", "fanout --against -1", "fanout --wait none --floor", "lastvalue --readers 0",
		"lastvalue --size 15", "hop --receivers -1", "hop --procs 0", "hop --wait poll", "hop --pause -1s", "codec --value wood", "codec --encoding json",
		"memory --topics 0", "memory --depth 3", "stream --policy best", "stream --depth -1", "latency --domain x", "role king", "floor", "floor wood", "floor memcpy --rate 5"} {
		code, stdout, stderr := run(t, args)
		if code != 2 || stdout != "" || stderr == "" {
			t.Errorf("%q: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

// long bounds a wait. No passing test comes near it.
const long = time.Minute

// begun waits until a measurement has made its directory.
func begun(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(long); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if all, err := os.ReadDir(dir); err == nil && len(all) > 0 {
			return
		}
	}
	t.Fatal("the measurement does not begin")
}

func TestInterrupt_LeavesNothing(t *testing.T) {
	for _, pause := range []time.Duration{0, 200 * time.Millisecond} {
		dir := place(t)
		cmd := program(t, dir, "stream --duration 1h")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		begun(t, dir)
		time.Sleep(pause)
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "interrupted") {
			t.Errorf("after %v: %v, %s", pause, err, errs.String())
		}
	}
}

func TestDirectory_Missing(t *testing.T) {
	cmd := program(t, "/dev/shm/shmbus-test-missing/here", "stream --count 1")
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "directory to measure in") {
		t.Errorf("%v: %s", err, out)
	}
}
