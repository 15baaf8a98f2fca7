//go:build linux && shmbus_failpoints

package crash

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/topic"
)

// A trigger stops or kills a victim at its pass-th pass of a step.
type trigger struct {
	Step   string // none: the scenario runs to its end
	Pass   int
	Signal syscall.Signal
}

func (s trigger) String() string { return fmt.Sprintf("%s pass %d", s.Step, s.Pass) }

// What a victim leaves behind in a file, which outlives it.
const (
	tracePublished = 8 * iota // ring words that it stored on the topic "load"
	tracePhase                // of its scenario
	traceTaken                // samples that it took after it was stopped
	traceLapped               // what the first of these, firstTaken, say that it lost
	traceLast                 // length of the name of the step it came to last, and that
	traceSize      = 128
)

// firstTaken is more samples than a victim can have had on the way to it when it was stopped.
const firstTaken = 12

// A stepCounter counts the steps of a process, notes in a file how far the process came, and fires the trigger.
type stepCounter struct {
	parent  *subproc.Parent
	trigger trigger
	trace   *os.File

	mu        sync.Mutex
	passes    map[string]int
	counting  bool // ring words are of the topic "load"
	published uint64
	began     bool // it took samples
	resumed   bool // it was stopped
	taken     uint64
	lapped    uint64
}

// countSteps begins to watch this process.
func countSteps(parent *subproc.Parent, s trigger, trace string) (*stepCounter, error) {
	f, err := os.OpenFile(trace, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	w := &stepCounter{parent: parent, trigger: s, trace: f, passes: map[string]int{}}
	failpoint.Visit(w.step)
	return w, nil
}

// countStepsOf counts the steps of run, which gets a participant, and reports them to the parent.
func countStepsOf(run func(*topic.Participant) error, parent *subproc.Parent, s trigger, trace string) error {
	w, err := countSteps(parent, s, trace)
	if err != nil {
		return err
	}
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	if err := errors.Join(run(p), p.Close()); err != nil {
		return err
	}
	return w.reportPasses()
}

func (w *stepCounter) step(step string) {
	w.mu.Lock()
	w.passes[step]++
	now := w.trigger.Step == step && w.trigger.Pass == w.passes[step]
	if w.counting && (step == "publish.word" || step == "small.word") {
		w.published++
		w.note(tracePublished, w.published)
	}
	b := make([]byte, traceSize-traceLast)
	b[0] = byte(copy(b[1:], step))
	w.trace.WriteAt(b, traceLast)
	w.mu.Unlock()
	if now {
		w.fire()
	}
}

func (w *stepCounter) note(off int64, n uint64) {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], n)
	w.trace.WriteAt(b[:], off)
}

// phase notes which phase of the scenario begins.
func (w *stepCounter) phase(n int) { w.note(tracePhase, uint64(n)) }

// count says whether ring words that are stored from now on are of the topic "load".
func (w *stepCounter) count(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counting = on
}

// passed is how often the process came to a step.
func (w *stepCounter) passed(step string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.passes[step]
}

// fire reports the step to the parent, and stops or kills the process. The signal goes to the calling thread, which returns from the
// call only after the signal took effect.
func (w *stepCounter) fire() {
	runtime.LockOSThread()
	if err := w.parent.Reply(w.trigger); err != nil {
		harness.Exit(err)
	}
	syscall.Tgkill(os.Getpid(), syscall.Gettid(), w.trigger.Signal)
	runtime.UnlockOSThread()
	w.mu.Lock()
	w.resumed = true
	w.mu.Unlock()
}

// noteReceived notes the loss that a sample reports. It counts the first samples after a stop, if the victim had received samples before.
func (w *stepCounter) noteReceived(lost uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began = w.began || !w.resumed
	if !w.began || !w.resumed || w.taken == firstTaken {
		return
	}
	w.taken++
	w.lapped += lost
	w.note(traceTaken, w.taken)
	w.note(traceLapped, w.lapped)
}

// A trace is what a victim left in its file.
type trace struct {
	published uint64
	phase     int
	taken     uint64
	lapped    uint64
	last      string
}

func readTrace(path string) (t trace, err error) {
	b, err := os.ReadFile(path)
	if err != nil || len(b) < traceSize {
		return t, err
	}
	t.published = binary.NativeEndian.Uint64(b[tracePublished:])
	t.phase = int(binary.NativeEndian.Uint64(b[tracePhase:]))
	t.taken = binary.NativeEndian.Uint64(b[traceTaken:])
	t.lapped = binary.NativeEndian.Uint64(b[traceLapped:])
	t.last = string(b[traceLast+1:][:b[traceLast]])
	return t, nil
}

// reportPasses reports, at the end of a scenario without a trigger, how often the process passed each step.
func (w *stepCounter) reportPasses() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.parent.Reply(w.passes)
}

// protocol is what a step is part of.
func protocol(step string) string {
	name, _, _ := strings.Cut(step, ".")
	return name
}
