package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/shmbus/shmbus/record/mcapfile"
)

func ioctl(t *testing.T, f *os.File, request uintptr, arg *int32) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(arg))); errno != 0 {
		t.Fatal(errno)
	}
}

// A replay that a shell with job control runs in the background leaves the terminal alone, and is therefore not stopped.
func TestPlay_InTheBackground(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f, err := os.Create(filepath.Join(t.TempDir(), "f.mcap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := mcapfile.NewWriter(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.AddChannel(mcapfile.Channel{Topic: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&mcapfile.Message{Channel: c}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	var locked, number int32
	ioctl(t, keys, syscall.TIOCSPTLCK, &locked)
	ioctl(t, keys, syscall.TIOCGPTN, &number)
	screen, err := os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// A job that is stopped ends the wait, too.
	shell := exec.CommandContext(ctx, "sh", "-c", `set -m; shmrec play "$1" & wait $!; code=$?; kill -KILL -$! 2>/dev/null; echo code $code`, "sh", f.Name())
	shell.Env = append(os.Environ(), "SHMBUS_DIR="+dir)
	shell.Stdin, shell.Stdout, shell.Stderr = screen, screen, screen
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	screen.Close()
	shown, _ := io.ReadAll(keys) // it fails when the last program has closed the other side
	if err := shell.Wait(); err != nil || !strings.Contains(string(shown), "code 0\r\n") || !strings.Contains(string(shown), "1 message") {
		t.Errorf("%s, %v", shown, err)
	}
}
