//go:build linux

package integration

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build makes programs of this module that every user of the town may run.
func (w *userDomain) build(names ...string) {
	w.t.Helper()
	args := []string{"build", "-o", w.files + "/"}
	for _, n := range names {
		args = append(args, "github.com/shmbus/shmbus/cmd/"+n)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
}

// tool runs a program as somebody and returns what it says, and how it ends.
func (w *userDomain) tool(who user, line string) (stdout, stderr string, code int) {
	w.t.Helper()
	words := strings.Fields(line)
	cmd := w.command(who, filepath.Join(w.files, words[0]), words[1:]...)
	cmd.Env = append(os.Environ(), "SHMBUS_DIR="+w.dir, "SHMBUS_DOMAIN=d")
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return out.String(), complaint.String(), cmd.ProcessState.ExitCode()
}

func TestToolsReadWhereTheyMayNotWrite(t *testing.T) {
	w := newUserDomain(t, 0o750|fs.ModeSetgid)
	w.build("shmmon", "shmrec")
	pub := w.run(owner(), "publish", "-pause", "1ms", "-size", "1000").ready()
	for _, tc := range []struct {
		who            user
		line           string
		code           int
		stdout, stderr string
	}{
		{member(), "shmmon list --measure 0s", 0, "load", ""},
		{member(), "shmmon echo load -n 3", 0, "hex", "may only read here"},
		{member(), "shmrec record --duration 1s -o " + w.files + "/member.mcap", 0, "load", "may only read here"},
		{member(), "shmrec record --lossless --duration 200ms -o " + w.files + "/lossless.mcap", 1, "", "no publisher waits"},
		{member(), "shmmon pub fresh 1", 1, "", "mode 2750 and belongs to user 5001"},
		{owner(), "shmmon echo load -n 3", 0, "hex", ""},
		{outsider(), "shmmon echo load -n 3", 1, "", "put into that group"},
		{outsider(), "shmmon clean", 1, "", "this process is user 5003"},
		{outsider(), "shmmon ps", 1, "", "mode 2750"},
	} {
		stdout, stderr, code := w.tool(tc.who, tc.line)
		if code != tc.code && (tc.code != 0 || code != 3) || !strings.Contains(stdout, tc.stdout) || !strings.Contains(stderr, tc.stderr) {
			t.Errorf("%s by the %s: exit code %d\n%s\n%s", tc.line, tc.who.name, code, stdout, stderr)
		}
	}
	stdout, stderr, _ := w.tool(member(), "shmmon ps --json")
	var ps struct {
		Participants []struct {
			PID   int    `json:"pid"`
			Proof string `json:"pid_proof"`
			UID   int    `json:"uid"`
			GID   int    `json:"gid"`
		} `json:"participants"`
	}
	if err := json.Unmarshal([]byte(stdout), &ps); err != nil || len(ps.Participants) != 1 {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	if p := ps.Participants[0]; p.PID != pub.cmd.Process.Pid || p.Proof != "same user" || p.UID != int(owner().uid) || p.GID != shared {
		t.Errorf("%+v, the publisher is process %d", p, pub.cmd.Process.Pid)
	}
	if stdout, _, _ := w.tool(owner(), "shmmon info load"); !strings.Contains(stdout, "5001 (5001), whose process has this pid and the file") {
		t.Errorf("info says %s", stdout)
	}
	pub.finish()
}

func TestShmmonShowsAndChecksThePolicy(t *testing.T) {
	w := newUserDomain(t, sticky)
	w.build("shmmon")
	defer w.policy("")
	pub := w.run(member(), "publish", "-pause", "1ms", "-size", "1000").ready()
	want := func(line string, code int, parts ...string) {
		t.Helper()
		stdout, stderr, got := w.tool(owner(), line)
		for _, part := range parts {
			if got != code || !strings.Contains(stdout+stderr, part) {
				t.Errorf("%s: exit code %d, want %d and %q\n%s%s", line, got, code, part, stdout, stderr)
			}
		}
	}
	want("shmmon policy", 0, "no policy")
	w.policy("publish load user:5002\nsubscribe other nobody\n")
	want("shmmon policy", 0, "   1  publish load user:5002", "   2  subscribe other nobody", "2 rules, understood")
	want("shmmon policy --json", 0, `"verb": "subscribe"`, `"violations": []`)
	w.policy("publish load user:5001\n")
	want("shmmon policy", 1, "against it: publisher ", "user 5002 may not publish")
	w.policy("subscribe load group:6100\n")
	want("shmmon policy", 1, "members of group 6000 may not subscribe", "start the publisher anew")
	w.policy("publish load user:5001\nsubscribe load\n")
	want("shmmon policy", 1, "line 2", "does not say who")
	candidate := filepath.Join(w.files, "candidate")
	if err := os.WriteFile(candidate, []byte("publish ** user:5002\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want("shmmon policy --file "+candidate, 0, "1 rules, understood")
	if err := os.Chmod(w.domain(), 0o770); err != nil {
		t.Fatal(err)
	}
	want("shmmon policy", 1, "every member of the group may remove it", "chmod +t")
	pub.finish()
}
