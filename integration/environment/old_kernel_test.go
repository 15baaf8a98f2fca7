//go:build linux

package environment

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// What the kernel's headers call these.
const (
	prSetNoNewPrivs   = 38
	prSetSeccomp      = 22
	seccompModeFilter = 2
	futexWaitvCall    = 449
)

// A seccomp filter is a program of the classic BPF.
type (
	bpfInstruction struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	bpfProgram struct {
		n     uint16
		first *bpfInstruction
	}
)

// oldKernel is the first argument of a process that becomes the rest of its command line, with a kernel that has no futex_waitv, as before
// Linux 5.16.
const oldKernel = "old-kernel"

func execOnOldKernel(args []string) error {
	filter := []bpfInstruction{
		{0x20, 0, 0, 0},                                   // load the number of the call
		{0x15, 0, 1, futexWaitvCall},                      // is it this one?
		{0x06, 0, 0, 0x00050000 | uint32(syscall.ENOSYS)}, // there is no such call
		{0x06, 0, 0, 0x7fff0000},                          // allowed
	}
	program := bpfProgram{uint16(len(filter)), &filter[0]}
	runtime.LockOSThread() // the program that this one becomes has the filter of this thread
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); e != 0 {
		return fmt.Errorf("forgo new privileges: %w", e)
	}
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetSeccomp, seccompModeFilter, uintptr(unsafe.Pointer(&program)), 0, 0, 0); e != 0 {
		return fmt.Errorf("set the filter: %w", e)
	}
	return syscall.Exec("/proc/self/exe", append([]string{os.Args[0]}, args...), os.Environ())
}

// quiet is the request of a process that subscribes to topics and receives. For each number that the parent sends it replies with the
// number, once it has so many samples more.
type quiet struct {
	Topics        int
	LatencyBudget time.Duration
}

func receiveQuietly(stop context.Context, parent *subproc.Parent, r quiet) error {
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	got := make(chan struct{})
	for i := range r.Topics {
		sub, err := topic.NewSubscriber[[]byte](ctx, p, fmt.Sprintf("quiet/%d", i), &topic.SubscriberOptions[[]byte]{LatencyBudget: r.LatencyBudget})
		if err != nil {
			return err
		}
		go sub.Handle(ctx, func(topic.Sample[[]byte]) { got <- struct{}{} })
	}
	if err := parent.Ready(); err != nil {
		return err
	}
	for {
		n, ok := harness.NextMessage[uint64](stop, parent)
		if !ok {
			return nil
		}
		for range n {
			<-got
		}
		if err := parent.Reply(n); err != nil {
			return err
		}
	}
}

// switches are how often the threads of a process gave up their processors by themselves.
func switches(t *testing.T, pid int) (n int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatal(tasks, err)
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(task) // it may have ended
		for line := range strings.Lines(string(text)) {
			if v, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
				k, err := strconv.Atoi(strings.TrimSpace(v))
				if err != nil {
					t.Fatal(err)
				}
				n += k
			}
		}
	}
	return n
}

// Without futex_waitv, a process that waits wakes up now and then to look. It does so less often while nothing happens, and
// receives what comes all the same.
func TestOldKernel_IdleProcess(t *testing.T) {
	for _, topics := range []int{1, 100} {
		t.Run(strconv.Itoa(topics), func(t *testing.T) {
			dir := harness.NewDomain(t)
			t.Setenv("SHMBUS_DIR", dir)
			t.Setenv("SHMBUS_DOMAIN", "d")
			c := harness.StartWith(t, dir, quiet{Topics: topics}, harness.Options{Program: []string{os.Args[0], oldKernel}}).Ready()
			p, err := topic.Join(nil)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			send := func(pub *topic.Publisher[[]byte]) {
				t.Helper()
				if _, err := pub.Publish(t.Context(), []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			var pubs []*topic.Publisher[[]byte]
			for i := range topics {
				pub, err := topic.NewPublisher[[]byte](t.Context(), p, fmt.Sprintf("quiet/%d", i), nil)
				if err != nil {
					t.Fatal(err)
				}
				send(pub)
				pubs = append(pubs, pub)
			}
			heard := func(n int) {
				t.Helper()
				var got uint64
				c.Send(uint64(n))
				if c.Expect(&got); got != uint64(n) {
					t.Errorf("%d samples", got)
				}
			}
			heard(topics)
			const settle, measured = time.Second, 2 * time.Second
			time.Sleep(settle) // it is the time without anything to do that counts
			before, began := switches(t, c.PID()), time.Now()
			time.Sleep(measured)
			rate := float64(switches(t, c.PID())-before) / time.Since(began).Seconds()
			t.Logf("%.0f context switches per second", rate)
			if rate > 1000 {
				t.Errorf("an idle process with %d subscriptions gives up its processors %.0f times a second", topics, rate)
			}
			for _, pub := range pubs {
				send(pub)
			}
			heard(topics)
			c.Finish()
		})
	}
}

// Without futex_waitv nothing would end the rest of a subscriber before its time: it does not rest, and samples wake it.
func TestOldKernel_LatencyBudget(t *testing.T) {
	dir := harness.NewDomain(t)
	t.Setenv("SHMBUS_DIR", dir)
	t.Setenv("SHMBUS_DOMAIN", "d")
	const topics = 3
	c := harness.StartWith(t, dir, quiet{topics, 24 * time.Hour}, harness.Options{Program: []string{os.Args[0], oldKernel}}).Ready()
	p, err := topic.Join(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i := range topics {
		pub, err := topic.NewPublisher[[]byte](t.Context(), p, fmt.Sprintf("quiet/%d", i), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := pub.Publish(t.Context(), []byte("x")); err != nil {
				t.Fatal(err)
			}
			var got uint64
			c.Send(uint64(1))
			c.Expect(&got)
		}
	}
	c.Finish()
}
