package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/charmbracelet/x/ansi"
)

// A terminal is a pseudo-terminal of 80x24 with the live table on it.
type terminal struct {
	t        testing.TB
	ctx      context.Context
	keys     *os.File // what is typed
	screen   *os.File // the side of the program
	cmd      *exec.Cmd
	output   chan string     // what the program writes
	shown    string          // what was taken of it
	settings syscall.Termios // before the program
}

func ioctl[T any](t testing.TB, f *os.File, request uintptr, arg *T) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(arg))); errno != 0 {
		t.Fatal(errno)
	}
}

func openTerminal(ctx context.Context, t testing.TB, dir string, more ...string) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	var locked, number int32
	ioctl(t, keys, syscall.TIOCSPTLCK, &locked)
	ioctl(t, keys, syscall.TIOCGPTN, &number)
	screen, err := os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	ioctl(t, screen, syscall.TIOCSWINSZ, &[4]uint16{24, 80})

	p := &terminal{t: t, ctx: ctx, keys: keys, screen: screen, output: make(chan string, 1000), cmd: exec.CommandContext(ctx, os.Args[0], append([]string{"--dir", dir}, more...)...)}
	ioctl(t, screen, syscall.TCGETS, &p.settings)
	p.cmd.Env = append(os.Environ(), "SHMMON_TEST_TABLE=1", "GORACE=atexit_sleep_ms=0", "TERM=screen") // a terminal that gets no queries, because the test does not answer
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = screen, screen, screen
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.output)
		b := make([]byte, 4096)
		for n, err := keys.Read(b); err == nil; n, err = keys.Read(b) { // it fails when the other side is closed
			p.output <- string(b[:n])
		}
	}()
	return p
}

// waitFor waits until the program showed some text.
func (p *terminal) waitFor(text string) {
	p.t.Helper()
	for !strings.Contains(ansi.Strip(p.shown), text) {
		select {
		case more := <-p.output:
			p.shown += more
		case <-p.ctx.Done():
			p.t.Fatalf("it never shows %q; it showed %q", text, p.shown)
		}
	}
}

// finish waits for the end of the program and checks what it leaves.
func (p *terminal) finish() {
	p.t.Helper()
	ended := p.cmd.Wait()
	var left syscall.Termios
	ioctl(p.t, p.screen, syscall.TCGETS, &left)
	if left != p.settings {
		p.t.Errorf("the settings of the terminal were %+v and are %+v", p.settings, left)
	}
	p.screen.Close()
	for more := range p.output {
		p.shown += more
	}
	if ended != nil {
		p.t.Errorf("it ends with %v; it showed %s", ended, ansi.Strip(p.shown))
	}
	for on, off := range map[string]string{"\x1b[?1049h": "\x1b[?1049l", "\x1b[?25l": "\x1b[?25h"} { // the other screen, no cursor
		if !strings.Contains(p.shown, on) || strings.LastIndex(p.shown, off) < strings.LastIndex(p.shown, on) {
			p.t.Errorf("%q is not taken back with %q", on, off)
		}
	}
}

// hangUpEnds lets SIGHUP end the processes that are started, also where nohup makes this one ignore it: what a process ignores,
// those that it starts ignore too, and what it takes note of has its usual effect on them.
func hangUpEnds(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		t.Cleanup(func() { signal.Ignore(syscall.SIGHUP) })
	}
}

// The terminal is restored, in order and soon, whatever ends the table.
func TestTheTableLeavesTheTerminalAsItWas(t *testing.T) {
	typed := func(keys string) func(*terminal) {
		return func(p *terminal) {
			if _, err := p.keys.WriteString(keys); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	sent := func(s syscall.Signal) func(*terminal) {
		return func(p *terminal) {
			if err := p.cmd.Process.Signal(s); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	hangUpEnds(t)
	for name, end := range map[string]func(*terminal){
		"q": typed("q"), "Ctrl-C": typed("\x03"), "filter and Ctrl-C": typed("/a\x03"),
		"SIGTERM": sent(syscall.SIGTERM), "SIGINT": sent(syscall.SIGINT), "SIGHUP": sent(syscall.SIGHUP),
	} {
		t.Run(name, func(t *testing.T) {
			dir := domains(t)
			for range 5 { // two ways to end at once could wait for each other
				ctx, cancel := context.WithTimeout(t.Context(), long)
				p := openTerminal(ctx, t, dir)
				p.waitFor("no such directory yet")
				end(p)
				p.finish()
				cancel()
				if t.Failed() {
					return
				}
			}
		})
	}
}

// The table waits for a directory that does not exist, makes none, and shows what is in it then.
func TestTable_DirectoryThatAppears(t *testing.T) {
	hangUpEnds(t)
	dir := domains(t) + "/new"
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	p := openTerminal(ctx, t, dir)
	p.waitFor("no such directory yet: " + dir + "/default")
	if _, err := os.Stat(dir); err == nil {
		t.Error("looking made the directory")
	}
	stop, _ := startPublisherProcess(t, "SHMMON_TEST_BURSTS="+dir, 1)
	p.waitFor("bursts")
	if _, err := p.keys.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	p.finish()
	stop()
}
