//go:build linux

package registry

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/internal/process"
)

func TestPolicy_Rules(t *testing.T) {
	p, err := ParsePolicy("/d/policy", []byte(`
# comment
publish   robot/arm/*  user:5 group:0   # and a comment
publish   robot/**     nobody
subscribe secret/**    group:7
subscribe "a b/*"      nobody
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		kind   Kind
		topic  string
		uid    int
		groups []int
		want   bool
	}{
		{KindPublisher, "robot/arm/x", 5, nil, true},
		{KindPublisher, "robot/arm/x", 6, []int{0}, true},
		{KindPublisher, "robot/arm/x", 6, []int{5}, false},
		{KindPublisher, "robot/leg", 5, []int{0}, false},
		{KindPublisher, "other", 6, nil, true},
		{KindSubscription, "secret/x", 5, []int{7}, true},
		{KindSubscription, "secret/x", 5, []int{6}, false},
		{KindSubscription, "a b/c", 5, []int{7}, false},
		{KindSubscription, "robot/leg", 9, nil, true},
	} {
		r, ok := p.RuleFor(tc.kind, tc.topic)
		if got := !ok || r.allows(tc.uid, tc.groups); got != tc.want {
			t.Errorf("%v of %q by %d %v: %t by %q", tc.kind, tc.topic, tc.uid, tc.groups, got, r)
		}
	}
	var again []string
	for _, r := range p.Rules {
		again = append(again, r.String())
	}
	q, err := ParsePolicy("", []byte(strings.Join(again, "\n")))
	if err != nil || len(q.Rules) != len(p.Rules) || !slices.EqualFunc(p.Rules, q.Rules, func(a, b Rule) bool { return a.String() == b.String() }) {
		t.Errorf("%q reads back as %v, %v", again, q, err)
	}
}

func TestPolicy_Invalid(t *testing.T) {
	for text, want := range map[string][]string{
		"publish a user:1\nallow x user:1\n":       {"line 2", `"allow x user:1"`, "neither publish nor subscribe", "#"},
		"publish":                                  {"line 1", "must not be empty", "for example: publish"},
		"publish a/*b user:1":                      {"line 1", "whole segment"},
		"publish a":                                {"does not say who may publish", "nobody"},
		"publish a 5":                              {`"5" names no user`, "user:NAME"},
		"publish a user:":                          {`"user:" names no user`},
		"publish a nobody user:1":                  {`"nobody" names no user`, "alone"},
		"publish a user:no-such-user-here":         {"no user no-such-user-here", "number"},
		"publish a group:no-such-group-here":       {"no group no-such-group-here", "number"},
		"publish a user:99999999999":               {"no user 99999999999"},
		"publish a user:-1":                        {"no user -1"},
		"subscribe a user:1":                       {"users cannot be told apart", "make a group"},
		"subscribe a group:1 group:2":              {"several groups", "make one group"},
		`publish "a user:1`:                        {"no closing quote"},
		"publish a\xff user:1":                     {"UTF-8"},
		strings.Repeat("# x\n", 20_000):            {"65536 bytes", "fewer lines"},
		strings.Repeat("publish a user:1\n", 1001): {"line 1001", "more than 1000 rules"},
	} {
		_, err := ParsePolicy("/d/policy", []byte(text))
		var bad *PolicyError
		if !errors.As(err, &bad) || bad.Remedy == "" {
			t.Errorf("%.40q: %v", text, err)
		}
		wantText(t, err, append(want, "/d/policy")...)
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte("publish robot/** user:1 group:2 # x\nsubscribe \"a b\" group:3\npublish x nobody"))
	f.Add([]byte("subscribe \"\\x00\" nobody\n\"\" \"\""))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy("p", text)
		if err != nil {
			if !errors.As(err, new(*PolicyError)) {
				t.Fatal(err)
			}
			return
		}
		for _, r := range p.Rules {
			if err := CheckPattern(r.Pattern); err != nil {
				t.Fatal(err)
			}
			q, err := ParsePolicy("p", []byte(r.String()))
			if err != nil || len(q.Rules) != 1 || q.Rules[0].String() != r.String() {
				t.Fatalf("%q: %v, %v", r, q, err)
			}
		}
	})
}

func needsRoot(t testing.TB) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") == "true":
		t.Fatal("this takes root, to be several users")
	default:
		t.Skip("this takes root, to be several users: sudo go test")
	}
}

// policyIn writes the policy of a domain.
func policyIn(t testing.TB, dir, text string) (path string) {
	t.Helper()
	path = dir + "/" + PolicyName
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPolicy_Owner(t *testing.T) {
	needsRoot(t)
	dir := domain(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := policyIn(t, dir, "publish a nobody\n")
	for _, tc := range []struct {
		dir, file fs.FileMode
		uid       int
		want      string
	}{
		{0o700, 0o644, 0, ""},
		{0o750, 0o600, 0, ""},
		{0o750, 0o644, 5001, ""},
		{0o750, 0o644, 5002, "belongs to user 5002"},
		{0o750, 0o664, 5001, "chmod go-w"},
		{0o770, 0o644, 0, "may remove it (mode 0770"},
		{0o770 | fs.ModeSticky, 0o644, 0, ""},
		{0o770 | fs.ModeSticky, 0o644, 5002, "replace it"},
	} {
		err := errors.Join(os.Chown(dir, 5001, 6000), os.Chmod(dir, tc.dir), os.Chown(path, tc.uid, 6000), os.Chmod(path, tc.file))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Join(Options{Dir: dir})
		if err == nil {
			r.Close()
		}
		if tc.want == "" && err != nil || tc.want != "" && !errors.As(err, new(*PolicyError)) {
			t.Errorf("%+v: %v", tc, err)
		}
		if tc.want != "" {
			wantText(t, err, tc.want)
		}
	}
}

// sleeperAs starts a process of another user.
func sleeperAs(t testing.TB, uid, gid uint32, groups ...uint32) (pid int, startTime uint64) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: groups}, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	start, err := process.StartTime(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, start
}

func TestPolicy_UserFromKernel(t *testing.T) {
	needsRoot(t)
	p, err := ParsePolicy("policy", []byte("publish a user:5001 group:6000\npublish b nobody\n"))
	if err != nil {
		t.Fatal(err)
	}
	in, inStart := sleeperAs(t, 5002, 6002, 6000)
	out, outStart := sleeperAs(t, 5003, 6003)
	for _, tc := range []struct {
		participant Participant
		topic       string
		want        string
	}{
		{Participant{UID: 5001}, "a", ""},
		{Participant{UID: 5002, PID: in, StartTime: inStart}, "a", ""},
		{Participant{UID: 5002, PID: in, StartTime: inStart + 1}, "a", "cannot be asked for"},
		{Participant{UID: 5003, PID: out, StartTime: outStart}, "a", "its process has group 6003"},
		{Participant{UID: 5003, PID: in, StartTime: inStart}, "a", "acts as user 5002"}, // a false pid
		{Participant{UID: 5001}, "b", `"publish b nobody"`},
		{Participant{UID: 5009}, "c", ""},
	} {
		err := p.AuthorizePublish(tc.participant, tc.topic)
		if (err == nil) != (tc.want == "") || err != nil && !errors.As(err, new(*ForbiddenError)) {
			t.Errorf("%+v: %v", tc, err)
		}
		if tc.want != "" {
			wantText(t, err, tc.want, "user", "line")
		}
	}
}
