//go:build linux

package environment

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/topic"
)

// narrowProgram returns the command line of this test as a program of 32 bits: for 386 where the kernel runs such programs, else
// for ARM, under qemu.
func narrowProgram(t *testing.T) []string {
	t.Helper()
	narrow := filepath.Join(t.TempDir(), "narrow")
	if runs386(t) {
		harness.BuildTests(t, narrow, "GOARCH=386")
		return []string{narrow}
	}
	qemu, err := exec.LookPath("qemu-arm")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("this kernel runs no 386 programs, and there is no qemu-arm: apt-get install qemu-user")
	}
	t.Log("this kernel runs no 386 programs: the program of 32 bits is one for ARM, under qemu")
	harness.BuildTests(t, narrow, "GOARCH=arm", "GOARM=7")
	return []string{qemu, narrow}
}

// runs386 says whether the kernel runs 386 programs. It tries an empty one, because to build this test takes a minute where nothing
// is built for 386 otherwise.
func runs386(t *testing.T) bool {
	t.Helper()
	source := filepath.Join(t.TempDir(), "empty.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := strings.TrimSuffix(source, ".go")
	harness.BuildFile(t, empty, source, "GOARCH=386")
	out, err := exec.Command(empty).CombinedOutput()
	if err != nil && !errors.Is(err, syscall.ENOEXEC) {
		t.Fatalf("run a 386 program: %v, %s", err, out)
	}
	return err == nil
}

// Processes of 32 and of 64 bits share a domain: the layout knows no word of the machine.
func TestWidths_32And64BitPrograms(t *testing.T) {
	in32, in64 := harness.Options{Program: narrowProgram(t)}, harness.Options{}
	for name, of := range map[string][2]harness.Options{"from 32 to 64": {in32, in64}, "from 64 to 32": {in64, in32}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := harness.NewDomain(t)
			pub, sub := agent.NewWith(t, dir, of[0]), agent.NewWith(t, dir, of[1])
			for _, c := range []agent.Agent{pub, sub} {
				c.Join()
				c.Hear(topic.Joined, 1)
			}
			sub.SubscribeLossless("s", "t")
			sub.Subscribe("all", "**")
			pub.Advertise("p", "t")
			pub.AdvertiseLatched("l", "kept")
			pub.Send("l", 1, 70)
			pub.WaitPeers("p", 2)
			total := 0
			for _, n := range []int{0, 1, 104, 105, 5000, 300000, 9 << 20, 50} {
				pub.Send("p", 5, n)
				if got := sub.Drain("s", 5); got.Size != n || got.Lost != 0 {
					t.Errorf("of 5 samples of %d bytes it received %+v", n, got)
				}
				pub.SendBatch("p", 8, n)
				if got := sub.Drain("s", 8); got.Size != n || got.Lost != 0 {
					t.Errorf("of a batch of 8 samples of %d bytes it received %+v", n, got)
				}
				if size := sub.TakeLatest("s"); size != n {
					t.Errorf("the newest sample has %d bytes, want %d", size, n)
				}
				total += 13
			}
			pub.Loan("p", 4000)
			pub.Commit("p")
			pub.SendParts("p", 4000)
			if got := sub.Take("s", 2); got.Lost != 0 {
				t.Errorf("%+v", got)
			}
			if got := sub.Take("all", total+3); got.Received+got.Lost != uint64(total+3) {
				t.Errorf("of %d it received %d and lost %d", total+3, got.Received, got.Lost)
			}
			sub.SubscribeHistory("k", "kept", 1)
			if got := sub.Take("k", 1); got.Received != 1 {
				t.Errorf("of the latched topic it received %+v", got)
			}
			before, there, after := sub.Now(), pub.Now(), sub.Now()
			if there < before-1e6 || there > after+1e6 {
				t.Errorf("between %d and %d of one it was %d of the other", before, after, there)
			}
			// Every sample's bytes are checked, while payloads grow and the subscriber holds some.
			reader := harness.Subscriber{Child: harness.StartWith(t, dir, harness.Subscribe{Progress: 2000, Hold: 3}, of[1])}.Ready()
			writer := harness.StartWith(t, dir, harness.Publish{Grow: true, Subscribers: 2}, of[0]).Ready()
			victim := harness.StartWith(t, dir, harness.Publish{Grow: true, Subscribers: 2}, of[0]).Ready()
			reader.NextReport()
			victim.Kill()
			for _, c := range []agent.Agent{pub, sub} {
				c.Hear(topic.Died, 1)
			}
			reader.NextReport()
			reader.Kill()
			sub.Hear(topic.Died, 2)
			pub.Hear(topic.Died, 2)
			writer.Finish()
			sub.Close("all")
			pub.Send("p", 3, 500)
			sub.Take("s", 3)
			sub.Kill()
			pub.Hear(topic.Died, 3)
			pub.Send("p", 20, 500) // waits for no reader
			// The next participant finds nothing of the dead.
			next := agent.NewWith(t, dir, of[1])
			next.Join()
			if n := harness.CountFiles(t, dir); n != 1+4+1 {
				t.Errorf("%d files, want the registry, a participant with two publishers and a wake file, and one more", n)
			}
			next.Finish()
			pub.Finish()
		})
	}
}
