//go:build linux

package tools

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestTools_ReadWhereTheyMayNotWrite(t *testing.T) {
	w := harness.NewUserDomain(t, 0o750|fs.ModeSetgid)
	w.Build("shmmon", "shmrec")
	pub := w.Publish(harness.Owner(), harness.Publish{Pause: time.Millisecond, Size: 1000})
	for _, tc := range []struct {
		user           harness.User
		line           string
		code           int
		stdout, stderr string
	}{
		{harness.Member(), "shmmon list --measure 0s", 0, "load", ""},
		{harness.Member(), "shmmon echo load -n 3", 0, "hex", "may only read here"},
		{harness.Member(), "shmrec record --duration 1s -o " + w.Files + "/member.mcap", 0, "load", "may only read here"},
		{harness.Member(), "shmrec record --lossless --duration 200ms -o " + w.Files + "/lossless.mcap", 1, "", "no publisher waits"},
		{harness.Member(), "shmmon pub fresh 1", 1, "", "mode 2750 and belongs to user 5001"},
		{harness.Owner(), "shmmon echo load -n 3", 0, "hex", ""},
		{harness.Outsider(), "shmmon echo load -n 3", 1, "", "put into that group"},
		{harness.Outsider(), "shmmon clean", 1, "", "this process is user 5003"},
		{harness.Outsider(), "shmmon ps", 1, "", "mode 2750"},
	} {
		stdout, stderr, code := w.Run(tc.user, tc.line)
		if code != tc.code && (tc.code != 0 || code != 3) || !strings.Contains(stdout, tc.stdout) || !strings.Contains(stderr, tc.stderr) {
			t.Errorf("%s by the %s: exit code %d\n%s\n%s", tc.line, tc.user.Name, code, stdout, stderr)
		}
	}
	stdout, stderr, _ := w.Run(harness.Member(), "shmmon ps --json")
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
	if p := ps.Participants[0]; p.PID != pub.PID() || p.Proof != "same user" || p.UID != int(harness.Owner().UID) || p.GID != harness.SharedGroup {
		t.Errorf("%+v, the publisher is process %d", p, pub.PID())
	}
	if stdout, _, _ := w.Run(harness.Owner(), "shmmon info load"); !strings.Contains(stdout, "5001 (5001), whose process has this pid and the file") {
		t.Errorf("info says %s", stdout)
	}
	pub.Finish()
}

func TestShmmon_Policy(t *testing.T) {
	w := harness.NewUserDomain(t, harness.Sticky)
	w.Build("shmmon")
	defer w.Policy("")
	pub := w.Publish(harness.Member(), harness.Publish{Pause: time.Millisecond, Size: 1000})
	want := func(line string, code int, parts ...string) {
		t.Helper()
		stdout, stderr, got := w.Run(harness.Owner(), line)
		for _, part := range parts {
			if got != code || !strings.Contains(stdout+stderr, part) {
				t.Errorf("%s: exit code %d, want %d and %q\n%s%s", line, got, code, part, stdout, stderr)
			}
		}
	}
	want("shmmon policy", 0, "no policy")
	w.Policy("publish load user:5002\nsubscribe other nobody\n")
	want("shmmon policy", 0, "   1  publish load user:5002", "   2  subscribe other nobody", "2 rules, understood")
	want("shmmon policy --json", 0, `"verb": "subscribe"`, `"violations": []`)
	w.Policy("publish load user:5001\n")
	want("shmmon policy", 1, "against it: publisher ", "user 5002 may not publish")
	w.Policy("subscribe load group:6100\n")
	want("shmmon policy", 1, "members of group 6000 may not subscribe", "start the publisher anew")
	w.Policy("publish load user:5001\nsubscribe load\n")
	want("shmmon policy", 1, "line 2", "does not say who may subscribe")
	candidate := filepath.Join(w.Files, "candidate")
	if err := os.WriteFile(candidate, []byte("publish ** user:5002\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want("shmmon policy --file "+candidate, 0, "1 rules, understood")
	if err := os.Chmod(w.Path(), 0o770); err != nil {
		t.Fatal(err)
	}
	want("shmmon policy", 1, "every member of the group may remove it", "chmod +t")
	pub.Finish()
}
