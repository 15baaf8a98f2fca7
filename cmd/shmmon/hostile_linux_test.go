package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/command"
	"github.com/shmbus/shmbus/messages/slogtopic"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// Names and payloads of another process that a terminal would execute, or that hide and reorder text, are escaped in each form of each command.
func TestCommands_HostileTexts(t *testing.T) {
	const evil = "x\u202e\u200b\ufe0f"
	dir := domains(t)
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: evil})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	h, err := slogtopic.New(t.Context(), p, &slogtopic.Options{Topic: evil + "/log", Name: "n\x1b[2J\u009b"})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	slog.New(h).Error("m\x1b]0;title\a\r\n\u202e", "k\u200b", "\x1b[2J")
	kind := serde.Type{Name: "t" + evil, Encoding: serde.EncodingString}
	pub, err := topic.NewPublisher(t.Context(), p, evil+"/a", &topic.PublisherOptions[[]byte]{Codec: serde.Opaque(kind), Latched: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topic.NewSubscriber[[]byte](t.Context(), p, evil+"/*", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := topic.NewSubscriber[[]byte](t.Context(), p, evil+"/none", nil); err != nil {
		t.Fatal(err)
	}
	for _, payload := range []string{"\x1b[2J\u009b\u202e\x00", "\xff\xfe"} {
		if _, err := pub.Publish(t.Context(), []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.Dir(), evil+"\x1b[2J"), nil, 0o600); err != nil { // doctor names it
		t.Fatal(err)
	}
	for _, line := range []string{
		"list --measure 0 --decode", "info " + evil + "/a --measure 0", "echo " + evil + "/a --history 2 -n 2", "hz ** -n 1 --window 50ms", "bw ** -n 1 --window 50ms",
		"delay ** -n 1 --window 50ms", "ps", "graph", "top --once --measure 0", "check ** --max-age 1ns --max-lag 0 --min-free 0 --measure 0",
		"doctor --sample 100ms", "clean --dry-run", "log -n 1 --kind log --history 9",
	} {
		for _, form := range []string{"", "--json", "--csv", "--field topic --field unit"} {
			if form != "" && strings.HasPrefix(line, "echo") && strings.Contains(form, "--field") {
				continue // fields are those of payloads
			}
			args := append([]string{"--dir", dir}, strings.Fields(line+" "+form)...)
			var stdout, stderr bytes.Buffer
			if code := command.Run(t.Context(), args, &stdout, &stderr); code != 0 && code != 3 {
				t.Errorf("%q ends with %d: %s", line+" "+form, code, &stderr)
			}
			if stdout.Len() == 0 && !strings.Contains(line, "clean") {
				t.Errorf("%q prints nothing", line+" "+form)
			}
			check := func(text string) {
				for _, r := range text {
					if !unicode.IsPrint(r) && r != '\n' && r != '\t' || strings.ContainsRune(evil[1:], r) {
						t.Errorf("%q lets %q reach the terminal", line+" "+form, r)
						return
					}
				}
			}
			check(stdout.String())
			check(stderr.String())
		}
	}
	for _, line := range []string{"graph --dot", "export --once"} {
		out := shmmon(t, 0, append([]string{"--dir", dir}, strings.Fields(line)...)...)
		if strings.ContainsAny(out, evil[1:]+"\x1b") {
			t.Errorf("%s lets invisible characters pass: %q", line, out)
		}
	}
}

// Lag and losses of a subscription that takes nothing are in list and info at once.
func TestCommands_HungSubscription(t *testing.T) {
	dir := domains(t)
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: "hung"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := topic.NewSubscriber[int](t.Context(), p, "x", nil); err != nil {
		t.Fatal(err)
	}
	pub, err := topic.NewPublisher[int](t.Context(), p, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if _, err := pub.Publish(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	for want, line := range map[string]string{
		"84\n":     "list --measure 0 --field lost",
		"84\t16\n": "info x --measure 0 --field subscriber_list[0].lost --field subscriber_list[0].lag",
	} {
		if out := shmmon(t, 0, append([]string{"--dir", dir}, strings.Fields(line)...)...); out != want {
			t.Errorf("%s prints %q, want %q", line, out, want)
		}
	}
	out := shmmon(t, 3, "--dir", dir, "check", "--max-lag", "15", "--min-free", "0", "--measure", "0", "--field", "rule", "--field", "value")
	if out != "max_lag\t16\n" {
		t.Errorf("check prints %q", out)
	}
}
