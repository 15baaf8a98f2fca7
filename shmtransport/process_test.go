//go:build linux

package shmtransport

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"github.com/shmbus/shmbus/shmtransport/internal/ring"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// roleVariable names the role of this test binary when a test started it.
const roleVariable = "SHMTRANSPORT_TEST_ROLE"

// emulatorVariable names the program that runs this test binary when it was built for another CPU.
const emulatorVariable = "SHMBUS_TEST_EMULATOR"

var roles = map[string]func(args []string) error{
	"publish":       publishRole,
	"hold":          holdRole,
	"publish-small": publishSmallRole,
}

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, role, err)
		os.Exit(1)
	}
}

// A child is this test binary in another role.
type child struct {
	cmd *exec.Cmd
	out *bufio.Scanner
	in  io.WriteCloser
}

// start runs role in a process of its own; before is a program, with arguments, that runs it.
func start(t testing.TB, before []string, role string, args ...any) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := append(slices.Clone(before), strings.Fields(os.Getenv(emulatorVariable))...)
	line = append(line, exe)
	for _, a := range args {
		line = append(line, fmt.Sprint(a))
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe() // a child ends when its parent does
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, out: bufio.NewScanner(out), in: in}
	t.Cleanup(c.kill)
	return c
}

// expectLine waits for a line of the child and returns what follows word.
func (c *child) expectLine(t testing.TB, word string) string {
	t.Helper()
	if !c.out.Scan() {
		t.Fatalf("the child ended without saying %q", word)
	}
	rest, ok := strings.CutPrefix(c.out.Text(), word)
	if !ok {
		t.Fatalf("the child said %q, not %q", c.out.Text(), word)
	}
	return strings.TrimSpace(rest)
}

// kill sends SIGKILL: the child runs no cleanup.
func (c *child) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// endWithParent ends the process when the parent's end of its standard input closes.
func endWithParent() {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
}

// patternSize and fillPattern make a payload that depends on its sequence only. One in three is about as small as fits
// an entry, and one in a thousand is large.
func patternSize(seq uint64) int {
	n := int(seq * 2654435761 % 3000)
	if seq%3 == 1 {
		n %= 2 * ring.SmallPayload
	}
	if seq%1000 == 999 {
		n += int(seq) % (1 << 20)
	}
	return n
}

func fillPattern(b []byte, seq uint64) {
	x := seq*0x9e3779b97f4a7c15 + 1
	for len(b) >= 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		binary.LittleEndian.PutUint64(b, x)
		b = b[8:]
	}
	for i := range b {
		b[i] = byte(seq) + byte(i)
	}
}

func checkPattern(b []byte, seq uint64) error {
	if len(b) != patternSize(seq) {
		return fmt.Errorf("sample %d has %d bytes, want %d", seq, len(b), patternSize(seq))
	}
	want := make([]byte, len(b))
	fillPattern(want, seq)
	if string(b) != string(want) {
		return fmt.Errorf("sample %d is torn", seq)
	}
	return nil
}

// numbers parses the arguments of a role after the directory.
func numbers(args []string) (n [3]uint64, err error) {
	for i := range n {
		if n[i], err = strconv.ParseUint(args[i+1], 10, 64); err != nil {
			return n, err
		}
	}
	return n, nil
}

// otherPublisher is the publisher in a process of its own.
var otherPublisher = PublisherID{Participant: 1000, Number: 1}

// create makes the publisher of a role and prints a line.
func create(dir string, participant uint64, opts WriterOptions) (*Writer, error) {
	d := &domain{dir: dir}
	id := PublisherID{Participant: participant, Number: 1}
	wake, err := CreateWakeFile(d.path(participant, "wake"), dir, 0o600, participant)
	if err != nil {
		return nil, err
	}
	w, err := CreateWriter(d.path(participant, "pub.1"), dir, 0o600, wake, id, opts)
	if err == nil {
		fmt.Println("open")
	}
	return w, err
}

// untilRead waits for the first subscription, whose requests are in the reader's file.
func untilRead(w *Writer, dir string, reader uint64) error {
	d := &domain{dir: dir}
	for w.Readers() == 0 {
		if err := admitRequests(w, d.path(reader, "reader"), reader); err != nil {
			return err
		}
		runtime.Gosched()
	}
	return nil
}

// startPublisher starts otherPublisher in one of its roles and returns it with the options of a connection to it.
func (d *domain) startPublisher(role string, f *ReaderFile, lossless bool, argument any) (*child, ConnectOptions) {
	d.t.Helper()
	c := start(d.t, nil, role, d.dir, otherPublisher.Participant, f.id, argument)
	c.expectLine(d.t, "open")
	return c, ConnectOptions{Path: d.path(otherPublisher.Participant, "pub.1"), WakePath: d.path(otherPublisher.Participant, "wake"), Publisher: otherPublisher, Lossless: lossless, Timeout: time.Hour}
}

// connectPinned connects to a publisher whose ring is read after its end. The caller must unpin the link.
func (d *domain) connectPinned(r *Reader, f *ReaderFile, q ConnectOptions) *Link {
	d.t.Helper()
	if err := r.Connect(f, q); err != nil {
		d.t.Fatal(err)
	}
	l := (*r.links.Load())[0]
	l.pin()
	return l
}

// publishRole publishes patterns as fast as it can. Its arguments are dir, publisher id, reader id, number of samples
// (0 = until killed). It prints "open" when its file exists, and "published N" at the end.
func publishRole(args []string) error {
	endWithParent()
	n, err := numbers(args)
	if err != nil {
		return err
	}
	d := &domain{dir: args[0]}
	w, err := create(d.dir, n[0], WriterOptions{Depth: 16, MemoryLimit: 64 << 20})
	if err != nil {
		return err
	}
	defer w.Close()
	if n[2] > 0 { // every sample counts, so wait for the reader
		if err := untilRead(w, d.dir, n[1]); err != nil {
			return err
		}
	}
	ctx := context.Background()
	for seq := uint64(1); n[2] == 0 || seq <= n[2]; seq++ {
		if seq%64 == 0 {
			if err := admitRequests(w, d.path(n[1], "reader"), n[1]); err != nil {
				return err
			}
		}
		l, err := w.Loan(ctx, patternSize(seq))
		if err != nil {
			return err
		}
		b := l.Bytes()[:patternSize(seq)]
		fillPattern(b, seq)
		if _, err := l.Commit(ctx, len(b)); err != nil {
			return err
		}
	}
	fmt.Println("published", w.Sequence())
	return nil
}

// A sampleAccount checks the samples that a subscription gets of one publisher.
type sampleAccount struct {
	last, received, lost uint64
}

func (a *sampleAccount) add(s Sample) error {
	if a.last != 0 && s.Sequence() != a.last+1+s.Lost() {
		return fmt.Errorf("sample %d after %d with %d lost", s.Sequence(), a.last, s.Lost())
	}
	a.last = s.Sequence()
	a.received++
	a.lost += s.Lost()
	return checkPattern(s.Payload(), s.Sequence())
}

func TestReader_KilledPublisher(t *testing.T) {
	for round := range max(50/slowdown, 4) {
		d := newDomain(t)
		f := d.readerFile()
		c, q := d.startPublisher("publish", f, round%4 < 2, 0)

		var ended atomic.Bool
		r := NewReader(new(WaitSet), nil, ReaderOptions{
			Spin:   []time.Duration{0, -1}[round%2],
			Ended:  func(PublisherID) { ended.Store(true) },
			Failed: func(_ PublisherID, err error) { t.Error(err) },
		})
		l := d.connectPinned(r, f, q)
		go func() {
			time.Sleep(time.Duration(rand.IntN(int(20 * time.Millisecond))))
			c.kill()
			r.ParticipantExited(otherPublisher.Participant)
		}()
		var a sampleAccount
		var held []Sample
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		for !ended.Load() {
			s, ok, err := tryReceive(r)
			if err == nil && !ok && !ended.Load() && !l.exited.Load() {
				awaitCtx, stop := context.WithTimeout(ctx, time.Millisecond)
				s, err = r.Receive(awaitCtx)
				stop()
				ok = err == nil
				if errors.Is(err, context.DeadlineExceeded) {
					err = ctx.Err()
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				continue
			}
			if err := a.add(s); err != nil {
				t.Fatal(err)
			}
			if len(held) < 20 && s.Sequence()%7 == 0 {
				held = append(held, s)
			} else {
				s.Release()
			}
		}
		cancel()
		newest := l.newest()
		l.unpin()
		all := r.Stats().Lost
		if after := all - a.lost; a.last != 0 && a.last+after != newest {
			t.Fatalf("round %d: last sample %d and %d lost after it, the newest is %d", round, a.last, after, newest)
		}
		if q.Lossless && all != 0 {
			t.Fatalf("round %d: %d lost to a lossless subscription", round, all)
		}
		for _, s := range held {
			if err := checkPattern(s.Payload(), s.Sequence()); err != nil {
				t.Fatal("held: ", err)
			}
			s.Release()
		}
		r.Close()
	}
}

func TestReader_GrowingPublisherInAnotherProcess(t *testing.T) {
	const messages = 4000
	d := newDomain(t)
	f := d.readerFile()
	c, q := d.startPublisher("publish", f, true, messages)
	ended := false
	r := NewReader(new(WaitSet), nil, ReaderOptions{Ended: func(PublisherID) { ended = true }})
	if err := r.Connect(f, q); err != nil {
		t.Fatal(err)
	}
	var a sampleAccount
	for a.received < messages {
		s, err := r.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := a.add(s); err != nil {
			t.Fatal(err)
		}
		s.Release()
	}
	if a.last != messages || a.lost != 0 {
		t.Fatalf("received %d, lost %d, last %d", a.received, a.lost, a.last)
	}
	if got := c.expectLine(t, "published"); got != fmt.Sprint(messages) {
		t.Fatal(got)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for !ended {
		if s, ok, err := tryReceive(r); ok || err != nil {
			t.Fatal(s.Sequence(), err)
		}
	}
	r.Close()
	f.Close()
	if left, _ := filepath.Glob(d.dir + "/*"); len(left) != 1 || !strings.HasSuffix(left[0], ".wake") { // of the process that ended without closing it
		t.Errorf("left behind: %v", left)
	}
}

// holdRole subscribes, takes samples and keeps them. Its arguments are dir, publisher id, reader id, samples to hold,
// "lossless" or not.
func holdRole(args []string) error {
	endWithParent()
	n, err := numbers(args)
	if err != nil {
		return err
	}
	d := &domain{dir: args[0]}
	f, err := CreateReaderFile(d.path(n[1], "reader"), d.dir, 0o600, n[1])
	if err != nil {
		return err
	}
	r := NewReader(new(WaitSet), nil, ReaderOptions{})
	id := PublisherID{Participant: n[0], Number: 1}
	err = r.Connect(f, ConnectOptions{Path: d.path(n[0], "pub.1"), WakePath: d.path(n[0], "wake"), Publisher: id, Lossless: args[4] == "lossless", Timeout: time.Hour})
	if err != nil {
		return err
	}
	fmt.Println("connected")
	for range n[2] {
		if _, err := r.Receive(context.Background()); err != nil {
			return err
		}
	}
	fmt.Println("holding")
	select {}
}

func TestWriter_KilledReader(t *testing.T) {
	const holds = 12
	d := newDomain(t)
	w := d.writer(WriterOptions{Depth: 4})
	const reader = 2000
	c := start(t, nil, "hold", d.dir, w.ID().Participant, reader, holds, "lossless")
	c.expectLine(t, "connected")
	admitAll(t, w, d.path(reader, "reader"), reader)
	p, err := OpenPeerFile(d.path(reader, "reader"), reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	publish := func(ctx context.Context) error {
		seq := w.Sequence() + 1
		b := make([]byte, ring.SmallPayload+1)
		binary.LittleEndian.PutUint64(b, seq)
		_, err := w.Publish(ctx, b)
		return err
	}
	for range holds + 4 {
		if err := publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.expectLine(t, "holding")

	retired := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.pool.reclaim(w)
		return len(w.pool.retired)
	}
	if n := retired(); n != holds {
		t.Fatalf("%d slots held by the live reader, want %d", n, holds)
	}
	if !p.OwnerAlive() {
		t.Error("the live reader counts as dead")
	}
	blocked := make(chan error)
	go func() { blocked <- publish(t.Context()) }()
	for asleep := 0; asleep == 0; {
		w.mu.Lock()
		asleep = w.sleepers
		w.mu.Unlock()
	}
	c.kill()
	if p.OwnerAlive() {
		t.Error("the dead reader counts as alive")
	}
	w.RemoveReader(reader)
	if err := <-blocked; err != nil {
		t.Fatal("a publish that waited for the dead reader:", err)
	}
	if n := retired(); n != 0 || w.Readers() != 0 {
		t.Fatalf("%d slots and %d subscriptions belong to the dead reader", n, w.Readers())
	}
	before := w.Stats().Memory
	for range 1000 {
		if err := publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if after := w.Stats().Memory; after != before {
		t.Errorf("memory grew from %d to %d without a reader", before, after)
	}
}
