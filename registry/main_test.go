//go:build linux

package registry

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// long is the time that a test waits for an event that must come. No passing test comes near it.
const long = time.Minute

func TestMain(m *testing.M) {
	if dir := os.Getenv("SHMBUS_TEST_MEMBER"); dir != "" {
		os.Exit(member(dir))
	}
	if dir := os.Getenv("SHMBUS_TEST_CHURN"); dir != "" {
		os.Exit(churn(dir))
	}
	goleak.VerifyTestMain(m)
}

// member is the main function of the test binary as another process: it joins, advertises a publisher, and leaves when its
// standard input ends.
func member(dir string) int {
	r, err := Join(Options{Dir: dir, Unit: "member"})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	if _, err := r.Advertise(Endpoint{ID: EndpointID{Number: r.ReserveID()}, Kind: KindPublisher, Topic: "member/topic",
		TypeName: "t", Encoding: "raw", Schema: []byte("schema")}); err != nil {
		fmt.Println("error", err)
		return 1
	}
	for _, suffix := range []string{"reader", "pub.1"} {
		if err := os.WriteFile(r.Path(suffix), []byte("x"), r.Modes().Read); err != nil {
			fmt.Println("error", err)
			return 1
		}
	}
	fmt.Println("joined", r.ID())
	io.Copy(io.Discard, os.Stdin)
	if err := r.Close(); err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

// An otherProcess is a participant in a process of its own.
type otherProcess struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	id    ID
}

func startProcess(t testing.TB, dir string) *otherProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SHMBUS_TEST_MEMBER="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &otherProcess{t: t, cmd: cmd, stdin: stdin}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || word != "joined" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	if p.id, err = ParseID(rest); err != nil {
		t.Fatal(err)
	}
	return p
}

// kill kills the process and does not wait for it.
func (p *otherProcess) kill() {
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
}

// leave makes the process close its registry, and waits for its end.
func (p *otherProcess) leave() {
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatal(err)
	}
}

// domain returns the path of a missing domain directory on a tmpfs.
func domain(t testing.TB) string {
	t.Helper()
	parent, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	return parent + "/domain"
}

// A watcher is a registry with a queue of its changes.
type watcher struct {
	*Registry
	t       testing.TB
	changes chan Change
	unread  map[ID][]Change // taken from changes while the test waited for another participant
}

func watch(t testing.TB, dir string) *watcher {
	t.Helper()
	w := &watcher{t: t, changes: make(chan Change, 100_000), unread: make(map[ID][]Change)}
	r, err := Join(Options{Dir: dir, Unit: "watcher", OnChange: func(c Change) { w.changes <- c }})
	if err != nil {
		t.Fatal(err)
	}
	w.Registry = r
	t.Cleanup(func() { r.Close() })
	return w
}

// next returns the next change of the participant, in the order of the reports.
func (w *watcher) next(id ID) Change {
	w.t.Helper()
	if of := w.unread[id]; len(of) != 0 {
		w.unread[id] = of[1:]
		return of[0]
	}
	deadline := time.After(long)
	for {
		select {
		case c := <-w.changes:
			if c.Participant.ID == id {
				return c
			}
			w.unread[c.Participant.ID] = append(w.unread[c.Participant.ID], c)
		case <-deadline:
			w.t.Fatalf("nothing is heard of %v", id)
		}
	}
}

// expect waits for exactly these changes of the participant in this order. Further Updated may come in between.
func (w *watcher) expect(id ID, kinds ...ChangeKind) (changes []Change) {
	w.t.Helper()
	for _, want := range kinds {
		c := w.next(id)
		for c.Kind == Updated && want != Updated {
			c = w.next(id)
		}
		if c.Kind != want {
			w.t.Fatalf("%v of %v, want %v (%v)", c.Kind, id, want, c.Err)
		}
		changes = append(changes, c)
	}
	return changes
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
