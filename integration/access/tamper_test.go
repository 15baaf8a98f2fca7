//go:build linux

package access

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"unsafe"

	"github.com/shmbus/shmbus/integration/internal/agent"
)

// tamper receives a sample and then tries everything to change it. What works is an error. It returns the rights of all mappings of
// publishers' files.
type tamper struct{ Topic string }

func (c tamper) Run(ctx context.Context, _ *agent.State) (found []string, _ error) {
	sub, leave, err := agent.JoinAndSubscribe(c.Topic, false)
	if err != nil {
		return nil, err
	}
	defer leave()
	s, err := sub.Receive(ctx)
	if err != nil {
		return found, err
	}
	defer s.Release()
	b := s.Bytes()
	if !faults(func() { b[0]++ }) {
		return found, errors.New("a payload was written to")
	}
	if err := syscall.Mprotect(page(b), syscall.PROT_READ|syscall.PROT_WRITE); !errors.Is(err, syscall.EACCES) {
		return found, fmt.Errorf("a payload's memory was made writable: %v", err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return found, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, ".pub.") {
			found = append(found, strings.Fields(line)[1])
		}
	}
	paths, err := filepath.Glob(filepath.Join(agent.DomainDir(), "*.pub.*"))
	if err != nil {
		return found, err
	}
	for fd := range 1000 {
		link := fmt.Sprintf("/proc/self/fd/%d", fd)
		if to, err := os.Readlink(link); err == nil && strings.Contains(to, ".pub.") {
			paths = append(paths, link)
		}
	}
	for _, path := range paths {
		if f, err := os.OpenFile(path, os.O_RDWR, 0); !errors.Is(err, fs.ErrPermission) {
			f.Close()
			return found, fmt.Errorf("%s was opened for writing: %v", path, err)
		}
	}
	if len(paths) < 2 {
		return found, fmt.Errorf("only %d files were tried", len(paths))
	}
	return found, nil
}

// replaceFiles replaces all publishers' files with files of the agent's user.
type replaceFiles struct{}

func (replaceFiles) Run(context.Context, *agent.State) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(agent.DomainDir(), "*.pub.*"))
	for _, path := range paths {
		b, rerr := os.ReadFile(path)
		if err = errors.Join(err, rerr, os.Remove(path)); err == nil {
			err = errors.Join(os.WriteFile(path, b, 0o644), os.Chmod(path, 0o644))
		}
	}
	return nil, err
}

// faults reports whether the hardware refuses what fn does.
func faults(fn func()) (refused bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { refused = recover() != nil }()
	fn()
	return false
}

// page is the memory page that b begins in.
func page(b []byte) []byte {
	size := uintptr(os.Getpagesize())
	first := unsafe.Pointer(unsafe.SliceData(b))
	return unsafe.Slice((*byte)(unsafe.Add(first, -int(uintptr(first)%size))), size)
}
