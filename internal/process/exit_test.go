//go:build linux

package process

import (
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv("SHMBUS_TEST_SLEEPER") != "" {
		syscall.Pause()
	}
	os.Exit(m.Run())
}

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SHMBUS_TEST_SLEEPER=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

func TestAKilledProcessIsNoticedBeforeItIsReaped(t *testing.T) {
	cmd := sleeper(t)
	start, err := StartTime(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Watch(cmd.Process.Pid, start)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ended := make(chan error)
	go func() { ended <- w.Wait() }()
	cmd.Process.Kill()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestCloseEndsTheWatch(t *testing.T) {
	cmd := sleeper(t)
	start, err := StartTime(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Watch(cmd.Process.Pid, start)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- w.Wait() }()
	w.Close()
	if err := <-ended; err == nil {
		t.Fatal("the watch says that a living process ended")
	}
}

func TestAnotherProcessWithThePidIsNotWatched(t *testing.T) {
	cmd := sleeper(t)
	if w, err := Watch(cmd.Process.Pid, 1); err == nil {
		w.Close()
		t.Fatal("a process was taken for the one that had its pid before")
	}
}

func TestSelf(t *testing.T) {
	id, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if id.PID != os.Getpid() || id.StartTime == 0 || id.BootID == [16]byte{} || id.Executable == "" {
		t.Fatalf("incomplete: %+v", id)
	}
}

// becomes waits until the kernel says so; a signal is acted on a moment after it was sent.
func becomes(t *testing.T, pid int, start uint64, want State) {
	t.Helper()
	for StateOf(pid, start) != want {
		if t.Context().Err() != nil {
			t.Fatalf("it is %d, not %d", StateOf(pid, start), want)
		}
		runtime.Gosched()
	}
}

func TestAStoppedProcessIsToldFromOneThatEnded(t *testing.T) {
	cmd := sleeper(t)
	pid := cmd.Process.Pid
	start, err := StartTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	becomes(t, pid, start, Running)
	if got := StateOf(pid, start+1); got != Unseen {
		t.Errorf("one that had the pid before is %d", got)
	}
	for _, step := range []struct {
		signal syscall.Signal
		want   State
	}{{syscall.SIGSTOP, Stopped}, {syscall.SIGCONT, Running}, {syscall.SIGSTOP, Stopped}, {syscall.SIGKILL, Ended}} {
		if err := cmd.Process.Signal(step.signal); err != nil {
			t.Fatal(err)
		}
		becomes(t, pid, start, step.want)
	}
	cmd.Wait()
	becomes(t, pid, start, Unseen)
}

func TestAWatchTellsAsWhomTheProcessActsWhileItLives(t *testing.T) {
	cmd := sleeper(t)
	start, err := StartTime(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Watch(cmd.Process.Pid, start)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	want, err := CredentialsOf(cmd.Process.Pid, start)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Credentials(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	cmd.Process.Kill()
	if err := w.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Credentials(); err == nil { // it is not reaped, so its pid still has its credentials
		t.Errorf("%+v of a process that has ended", got)
	}
}
