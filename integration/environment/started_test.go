//go:build linux

package environment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/topic"
)

// descriptors lists what a process has open in the domain below dir, and how many of these a program that it starts would get.
func descriptors(t testing.TB, pid int, dir string) (open, inherited []string) {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		if err != nil || !strings.HasPrefix(path, dir) && !strings.Contains(path, "pidfd") {
			continue
		}
		info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was open for a moment
		}
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, path)
		for line := range strings.Lines(string(info)) {
			if octal, ok := strings.CutPrefix(line, "flags:"); ok {
				flags, err := strconv.ParseUint(strings.TrimSpace(octal), 8, 64)
				if err != nil {
					t.Fatal(err)
				}
				if flags&syscall.O_CLOEXEC == 0 {
					inherited = append(inherited, path)
				}
			}
		}
	}
	return open, inherited
}

func TestStartedProgram_KeepsNoParticipantAlive(t *testing.T) {
	dir := harness.NewDomain(t)
	one, victim := agent.Start(t, dir), agent.Start(t, dir)
	for _, c := range []agent.Agent{one, victim} {
		c.Subscribe("s", "t")
		c.Advertise("p", "t")
	}
	victim.Send("p", 3, 500)
	one.WaitPeers("s", 2)
	// Neither program closes an inherited descriptor.
	raw, usual := harness.Do(victim.Child, agent.Spawn{ForkExec: true}), harness.Do(victim.Child, agent.Spawn{ForkExec: false})
	t.Cleanup(func() { syscall.Kill(raw, syscall.SIGKILL); syscall.Kill(usual, syscall.SIGKILL) })
	open, inherited := descriptors(t, victim.PID(), dir)
	if len(open) < 4 || len(inherited) != 0 {
		t.Errorf("of %q a program that it starts would get %q", open, inherited)
	}
	for _, pid := range []int{raw, usual} {
		if got, _ := descriptors(t, pid, dir); len(got) != 0 {
			t.Errorf("a program that it started has %q", got)
		}
	}
	victim.Kill()
	one.Hear(topic.Died, 1)
	one.Take("s", 3)
	for _, pid := range []int{raw, usual} {
		if err := syscall.Kill(pid, 0); err != nil {
			t.Errorf("a program that it started has ended too: %v", err)
		}
	}
	one.Finish()
}
