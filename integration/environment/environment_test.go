//go:build linux

package environment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// inTimeNamespace are the options of a process in a time namespace of its own, with an offset of CLOCK_MONOTONIC in seconds.
func inTimeNamespace(t *testing.T, offset string) harness.Options {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Geteuid() != 0 {
		harness.NeedRoot(t, errors.Join(errors.New("a time namespace takes root, and unshare of util-linux"), err))
	}
	if _, err := os.Stat("/proc/self/ns/time"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("this kernel has no time namespaces (Linux 5.6): %v", err)
	}
	return harness.Options{Program: []string{unshare, "--time", "--monotonic", offset, "--boottime", "5000", "--fork", "--kill-child", os.Args[0]}}
}

func TestStamps_AcrossTimeNamespaces(t *testing.T) {
	for _, offset := range []string{"1000000", "-1"} {
		t.Run(offset, func(t *testing.T) {
			dir := harness.NewDomain(t)
			host := agent.Start(t, dir)
			moved := agent.NewWith(t, dir, inTimeNamespace(t, offset))
			before, there, after := host.Now(), moved.Now(), host.Now()
			if there < before || there > after {
				t.Errorf("between %d and %d of here it was %d there", before, after, there)
			}
			moved.Join()
			host.Subscribe("s", "t")
			moved.Advertise("p", "t")
			moved.Send("p", 1, 500)
			if a := host.TakeStamped("s"); a.Stamp < before || a.Stamp > a.At {
				t.Errorf("stamp %d, received at %d", a.Stamp, a.At)
			}
			// The order in which both were made decides what counts as lost.
			moved.Send("p", 100, 500)
			host.Subscribe("later", "t")
			host.TakeNone("later")
			moved.Subscribe("latest", "t")
			moved.TakeNone("latest")
			moved.Send("p", 1, 500)
			for _, c := range []struct {
				agent.Agent
				name string
			}{{host, "later"}, {moved, "latest"}} {
				if a := c.Take(c.name, 1); a.Lost != 0 {
					t.Errorf("%s, which came later, lost %d", c.name, a.Lost)
				}
			}
			moved.Kill()
			host.Hear(topic.Died, 1)
			host.Finish()
		})
	}
}

// The default domain on file systems of /dev/shm, with the errors.
func TestDomain_FileSystems(t *testing.T) {
	if os.Geteuid() != 0 {
		harness.NeedRoot(t, errors.New("file systems of its own"))
	}
	for _, c := range []struct{ name, want string }{
		{"absent", `join the domain: "/dev/shm/shmbus-0" cannot be used as a domain directory: it cannot be created: mkdir /dev/shm/shmbus-0: no such file or directory; choose another with SHMBUS_DIR`},
		{"read-only", `join the domain: "/dev/shm/shmbus-0" cannot be used as a domain directory: it cannot be created: mkdir /dev/shm/shmbus-0: read-only file system; choose another with SHMBUS_DIR`},
		{"private", ""},
		{"umask 777", ""},
		{"umask 0", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			child := harness.StartWith(t, "", useDefault{c.name}, harness.Options{Attr: &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}})
			var said string
			child.Expect(&said)
			if said != c.want {
				t.Errorf("it says %q, want %q", said, c.want)
			}
			child.Finish()
		})
	}
}

// useDefault is the request of a process that uses the default domain of a /dev/shm of its own and replies with the error.
type useDefault struct {
	Case string // of TestDomain_FileSystems
}

func useDefaultDomain(ctx context.Context, parent *subproc.Parent, r useDefault) error {
	os.Unsetenv("SHMBUS_DIR")
	os.Unsetenv("SHMBUS_DOMAIN")
	var err error
	switch r.Case {
	case "absent":
		err = syscall.Mount("tmpfs", "/dev", "tmpfs", 0, "")
	case "read-only":
		err = syscall.Mount("tmpfs", "/dev/shm", "tmpfs", syscall.MS_RDONLY, "")
	default:
		err = syscall.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777")
	}
	if err != nil {
		return err
	}
	said := ""
	if octal, ok := strings.CutPrefix(r.Case, "umask "); ok {
		mask, err := strconv.ParseUint(octal, 8, 32)
		if err != nil {
			return err
		}
		syscall.Umask(int(mask))
		if err := syscall.Setuid(65533); err != nil { // modes mean nothing to root
			return err
		}
		if err := modes(); err != nil {
			said = err.Error()
		}
	} else if err := exchange(nil); err != nil {
		said = err.Error()
	}
	if err := parent.Reply(said); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// exchange sends a sample from one participant to another, with a schema and slots.
func exchange(opts *topic.Options) error {
	a, err := topic.Join(opts)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := topic.Join(opts)
	if err != nil {
		return err
	}
	defer b.Close()
	sub, err := topic.NewSubscriber[[]byte](context.Background(), a, "t", nil)
	if err != nil {
		return err
	}
	pub, err := topic.NewPublisher[[]byte](context.Background(), b, "t", nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	for _, n := range []int{10, 5000, 300000} {
		if _, err := pub.Publish(ctx, make([]byte, n)); err != nil {
			return err
		}
		s, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		if len(s.Bytes()) != n || s.Lost() != 0 {
			return fmt.Errorf("%d bytes instead of %d, %d lost", len(s.Bytes()), n, s.Lost())
		}
		s.Release()
	}
	return nil
}

// modes uses the default domain and looks at what is made there meanwhile.
func modes() error {
	if err := exchange(nil); err != nil {
		return err
	}
	p, err := topic.Join(nil)
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := topic.NewPublisher[[]byte](context.Background(), p, "t", nil); err != nil {
		return err
	}
	if _, err := topic.NewSubscriber[[]byte](context.Background(), p, "t", nil); err != nil {
		return err
	}
	files := 0
	err = filepath.WalkDir("/dev/shm/shmbus-65533", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = fs.ModeDir | 0o700
		} else {
			files++
		}
		if err == nil && info.Mode() != want {
			err = fmt.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return err
	})
	if err == nil && files != 5 {
		err = fmt.Errorf("there are %d files", files)
	}
	return err
}

// On a disk everything works if it has anonymous files, and a warning says what is the matter. Where it has none, Join says so.
func TestDomain_OnDisk(t *testing.T) {
	var why []error
	for _, place := range []string{"/var/tmp", t.TempDir(), "."} {
		if shm.InMemory(place) {
			why = append(why, fmt.Errorf("%s is no disk", place))
			continue
		}
		place, err := filepath.Abs(place)
		if err != nil {
			t.Fatal(err)
		}
		dir, err := os.MkdirTemp(place, "shmbus-test-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		var log strings.Builder
		err = exchange(&topic.Options{Dir: dir, Domain: "d", Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil && strings.Contains(err.Error(), "O_TMPFILE") {
			why = append(why, err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), "not on a tmpfs") {
			t.Errorf("the log says %q", log.String())
		}
		return
	}
	err := fmt.Errorf("there is no disk with anonymous files: %w", errors.Join(why...))
	if os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// Of a domain that can be looked at only, tools show what there is.
func TestDomain_MountedReadOnly(t *testing.T) {
	dir, other := harness.NewDomain(t), t.TempDir()
	one := agent.Start(t, dir)
	one.Advertise("p", "t")
	if err := syscall.Mount(dir, other, "", syscall.MS_BIND, ""); err != nil {
		harness.NeedRoot(t, fmt.Errorf("mount a directory once more: %w", err))
	}
	defer syscall.Unmount(other, syscall.MNT_DETACH)
	if err := syscall.Mount("", other, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	o, err := registry.Observe(filepath.Join(other, "d"))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if seen, err := o.Snapshot(); err != nil || len(seen) != 1 || !seen[0].Alive || len(seen[0].Endpoints) != 1 {
		t.Errorf("it sees %+v, %v", seen, err)
	}
	if _, err := topic.Join(&topic.Options{Dir: other, Domain: "d"}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("join: %v", err)
	}
	one.Finish()
}
