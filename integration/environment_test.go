//go:build linux

package integration

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
	"time"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

func TestStampsOfAnotherTimeNamespaceAreTheSame(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Geteuid() != 0 {
		needRoot(t, errors.Join(errors.New("a time namespace takes root, and unshare of util-linux"), err))
	}
	if _, err := os.Stat("/proc/self/ns/time"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("this kernel has no time namespaces (Linux 5.6): %v", err)
	}
	for _, offset := range []string{"1000000", "-1"} {
		t.Run(offset, func(t *testing.T) {
			dir := newDomain(t)
			host := startAttemptAgent(t, dir)
			moved := launch(t, exec.Command(unshare, "--time", "--monotonic", offset, "--boottime", "5000", "--fork", "--kill-child", os.Args[0]), dir, "attempt")
			before, there, after := host.mustSucceed("now").Stamp, moved.mustSucceed("now").Stamp, host.mustSucceed("now").Stamp
			if slack := int64(time.Millisecond); there < before-slack || there > after+slack {
				t.Errorf("between %d and %d of here it was %d there", before, after, there)
			}
			moved.mustSucceed("join")
			host.mustSucceed("sub s t")
			moved.mustSucceed("pub p t")
			moved.mustSucceed("send p 1 500")
			if a := host.mustSucceed("stamp s"); a.Stamp < before || a.Stamp > a.At {
				t.Errorf("stamp %d, received at %d", a.Stamp, a.At)
			}
			// Who was there first decides what counts as lost.
			moved.mustSucceed("send p 100 500")
			host.mustSucceed("sub later t")
			host.mustSucceed("none later")
			moved.mustSucceed("sub latest t")
			moved.mustSucceed("none latest")
			moved.mustSucceed("send p 1 500")
			for _, c := range []struct {
				*child
				name string
			}{{host, "later"}, {moved, "latest"}} {
				if a := c.mustSucceed("take %s 1", c.name); a.Lost != 0 {
					t.Errorf("%s, which came later, lost %d", c.name, a.Lost)
				}
			}
			moved.kill()
			host.mustSucceed("heard died 1")
			host.finish()
		})
	}
}

// places where a domain may be, and what is said of them.
func TestTheFileSystemOfADomain(t *testing.T) {
	if os.Geteuid() != 0 {
		needRoot(t, errors.New("file systems of its own"))
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
			cmd := exec.Command(os.Args[0], c.name)
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Unshareflags: syscall.CLONE_NEWNS}
			child := launch(t, cmd, "", "default")
			var said string
			child.expect(&said)
			if said != c.want {
				t.Errorf("it says %q, want %q", said, c.want)
			}
			child.finish()
		})
	}
}

// defaultRole uses the default domain of a /dev/shm of its own and reports the error.
func defaultRole(args []string) error {
	os.Unsetenv("SHMBUS_DIR")
	os.Unsetenv("SHMBUS_DOMAIN")
	var err error
	switch args[0] {
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
	if octal, ok := strings.CutPrefix(args[0], "umask "); ok {
		mask, err := strconv.ParseUint(octal, 8, 32)
		if err != nil {
			return err
		}
		syscall.Umask(int(mask))
		if err := syscall.Setuid(65533); err != nil { // to whom modes mean something
			return err
		}
		if err := modes(); err != nil {
			said = err.Error()
		}
	} else if err := exchange(nil); err != nil {
		said = err.Error()
	}
	if err := report(said); err != nil {
		return err
	}
	<-stdinClosed()
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
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
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
func TestADomainOnADiskWorksAndIsWarnedOf(t *testing.T) {
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
func TestADomainThatIsMountedReadOnlyCanBeLookedAt(t *testing.T) {
	dir, other := newDomain(t), t.TempDir()
	one := startAttemptAgent(t, dir)
	one.mustSucceed("pub p t")
	if err := syscall.Mount(dir, other, "", syscall.MS_BIND, ""); err != nil {
		needRoot(t, fmt.Errorf("mount a directory once more: %w", err))
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
	one.finish()
}
