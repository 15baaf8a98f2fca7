//go:build linux

package access

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

// rights are the names of what the mode of a domain allows or not.
func rights() []string { return []string{"publish", "subscribe", "watch", "list", "record", "clean"} }

// callOf is the call that needs a right.
func callOf(w *harness.UserDomain, right string) harness.Call[*agent.State, []string] {
	return map[string]harness.Call[*agent.State, []string]{
		"publish":   agent.PublishTen{Topic: "up"},
		"subscribe": agent.SubscribeTen{Topic: "load"},
		"watch":     agent.SubscribeTen{Topic: "load", ReadOnly: true},
		"list":      agent.ListTopics{},
		"record":    agent.RecordTen{Topic: "load", Folder: w.Files},
		"clean":     agent.Clean{},
	}[right]
}

// What each user may do, by the mode of the domain's directory. All else is refused.
func TestMode_DecidesRights(t *testing.T) {
	everything, reading := rights(), []string{"watch", "list", "record"}
	for _, tc := range []struct {
		mode          fs.FileMode
		owner, member []string
	}{
		{0o700, everything, nil},
		{0o750, everything, reading},
		{0o770, everything, everything},
		{0o750 | fs.ModeSetgid, everything, reading},
		{0o770 | fs.ModeSetgid, everything, everything},
		{0o770 | fs.ModeSetgid | fs.ModeSticky, everything, slices.DeleteFunc(rights(), func(s string) bool { return s == "clean" })},
	} {
		t.Run(octal(tc.mode), func(t *testing.T) {
			for _, user := range []harness.User{harness.Owner(), harness.Member(), harness.Outsider()} {
				allowed := map[string][]string{"owner": tc.owner, "member": tc.member}[user.Name]
				w := harness.NewUserDomain(t, tc.mode)
				dead := w.LeaveDead() // there is no participant that would clean
				checkRight(t, w, user, "clean", tc.mode, slices.Contains(allowed, "clean"), agent.As(w, user, agent.Clean{}))
				os.Remove(dead)

				pub := w.Publish(harness.Owner(), harness.Publish{Pause: time.Millisecond, Size: 1000})
				sub := w.Subscribe(harness.Owner(), harness.Subscribe{Topic: "up", Progress: 10})
				for _, right := range rights() {
					if right == "clean" {
						continue
					}
					may := slices.Contains(allowed, right)
					r := agent.As(w, user, callOf(w, right))
					checkRight(t, w, user, right, tc.mode, may, r)
					switch {
					case right == "publish" && may:
						if got := sub.NextReport(); got.Received != 10 || got.Lost != 0 {
							t.Errorf("%s publishes, and of 10 came %+v", user.Name, got)
						}
					case right == "list" && may && !slices.Equal(slices.Sorted(slices.Values(r.Found)), []string{"load", "up"}):
						t.Errorf("%s lists %v", user.Name, r.Found)
					}
				}
				pub.Finish()
				sub.Finish()
			}
		})
	}
}

func octal(mode fs.FileMode) string {
	n := uint32(mode.Perm())
	if mode&fs.ModeSetgid != 0 {
		n |= 0o2000
	}
	if mode&fs.ModeSticky != 0 {
		n |= 0o1000
	}
	return fmt.Sprintf("%04o", n)
}

// checkRight wants what is allowed to work, and what is not to be refused by the kernel and to be explained.
func checkRight(t *testing.T, w *harness.UserDomain, user harness.User, right string, mode fs.FileMode, may bool, r agent.Attempt) {
	t.Helper()
	t.Logf("%s %s: %s", user.Name, right, r.Error)
	if may {
		if r.Error != "" {
			t.Errorf("the %s may %s: %s", user.Name, right, r.Error)
		}
		return
	}
	if !r.Kernel || !r.Access {
		t.Errorf("the %s may not %s, and the kernel (%t) says %+v", user.Name, right, r.Kernel, r)
	}
	parts := []string{w.Path(), "mode " + octal(mode), "belongs to user 5001", fmt.Sprintf("this process is user %d", user.UID)}
	for _, part := range parts {
		if !strings.Contains(r.Error, part) {
			t.Errorf("the %s may not %s; the error does not say %q: %s", user.Name, right, part, r.Error)
		}
	}
	if strings.Count(r.Error, ";") < 2 {
		t.Errorf("the error names no remedy: %s", r.Error)
	}
}

func TestPayload_NotWrittenByReaders(t *testing.T) {
	w := harness.NewUserDomain(t, 0o770)
	pub := w.Publish(harness.Owner(), harness.Publish{Pause: time.Millisecond, Size: 1000})
	r := agent.As(w, harness.Member(), tamper{Topic: "load"})
	if r.Error != "" || len(r.Found) == 0 {
		t.Errorf("%+v", r)
	}
	for _, rights := range r.Found {
		if rights != "r--s" {
			t.Errorf("a publisher's file is mapped %s", rights)
		}
	}
	pub.Finish()
}

func TestUmask_DoesNotMatter(t *testing.T) {
	for _, mode := range []fs.FileMode{0, 0o700, 0o770} {
		for _, mask := range []int{0, 0o777} {
			w := harness.NewUserDomain(t, 0o700)
			if mode == 0 { // the domain is to be made
				if err := os.Remove(w.Path()); err != nil {
					t.Fatal(err)
				}
				if err := os.Chown(w.Dir, int(harness.Owner().UID), -1); err != nil {
					t.Fatal(err)
				}
			} else if err := os.Chmod(w.Path(), mode); err != nil {
				t.Fatal(err)
			}
			subscribed := agent.GoAs(w, harness.Owner(), mask, agent.SubscribeTen{Topic: "load"})
			r := agent.GoAs(w, harness.Owner(), mask, agent.PublishTen{Topic: "load"})()
			got := subscribed()
			if r.Error != "" || got.Error != "" {
				t.Fatalf("umask %#o: %s, %s", mask, r.Error, got.Error)
			}
			info, err := os.Stat(w.Path())
			want, bell := "0600", "0600"
			if mode == 0o770 {
				want, bell = "0640", "0660"
			}
			if err != nil || info.Mode().Perm() != max(mode, 0o700) {
				t.Errorf("umask %#o: the directory has mode %v, %v", mask, info.Mode(), err)
			}
			for _, suffix := range []string{"participant", "reader", "pub"} {
				if !slices.Contains(r.Found, suffix+" "+want) {
					t.Errorf("umask %#o, mode %#o: no %s of mode %s: %v", mask, mode, suffix, want, r.Found)
				}
			}
			if !slices.Contains(r.Found, " "+bell) || slices.ContainsFunc(r.Found, func(s string) bool { return !strings.HasSuffix(s, want) && s != " "+bell }) {
				t.Errorf("umask %#o, mode %#o: %v", mask, mode, r.Found)
			}
		}
	}
}
