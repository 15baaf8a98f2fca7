package errdefs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestErrors_NameLimitAndRemedy(t *testing.T) {
	cause := errors.New("the cause")
	for _, tc := range []struct {
		err  error
		want []string
	}{
		{&LimitError{What: "things", Limit: 42, Remedy: "use fewer"}, []string{"too many things", "42", "use fewer"}},
		{&VersionError{Path: "/p", Found: 9, Known: 1}, []string{"/p", "version 9", "version 1", "same release", "SHMBUS_DOMAIN"}},
		{&CorruptError{Path: "/p", What: "page 3", Err: cause}, []string{"/p", "page 3", "the cause", "restart", "remove"}},
		{&SpaceError{Path: "/p", Needed: 10, Available: 3, Err: syscall.ENOSPC}, []string{"/p", "10 bytes", "3 available", "shmmon clean", "enlarge"}},
		{&SpaceError{Path: "/p", Needed: 10, Available: 30, Files: true}, []string{"another file", "10 bytes", "30 available", "nr_inodes"}},
		{&SpaceError{Path: "/p", Needed: 10, Available: 30, Err: syscall.EFBIG}, []string{"and yet", "ulimit -f"}},
		{&MemoryError{Path: "/p", Needed: 10, Available: 3, Maps: 7, MaxMaps: 8, Err: cause},
			[]string{"/p", "10 bytes", "3 available", "7 mappings of at most 8", "the cause", "ulimit -v"}},
		{Explain(fmt.Errorf("open: %w", syscall.EMFILE)), []string{"open: ", "ulimit -n"}},
		{Explain(syscall.ENFILE), []string{"fs.file-max"}},
	} {
		for _, part := range tc.want {
			if !strings.Contains(tc.err.Error(), part) {
				t.Errorf("%T does not say %q: %v", tc.err, part, tc.err)
			}
		}
	}
	if s := (&MemoryError{Available: -1, Err: cause}).Error(); strings.Contains(s, "available") || strings.Contains(s, "mappings") {
		t.Errorf("unknown figures are in the text: %s", s)
	}
	if Explain(cause) != cause || Explain(nil) != nil {
		t.Error("an error without a known remedy was changed")
	}
}

func TestErrors_Unwrap(t *testing.T) {
	cause := errors.New("the cause")
	for _, err := range []error{&CorruptError{Err: cause}, &SpaceError{Err: cause}, &MemoryError{Err: cause}} {
		if !errors.Is(err, cause) {
			t.Errorf("%T does not unwrap to its cause", err)
		}
	}
}

func TestClosed_IsErrClosed(t *testing.T) {
	err := fmt.Errorf("publish: %w", Closed("the publisher is closed"))
	if !errors.Is(err, os.ErrClosed) || errors.Is(err, fs.ErrNotExist) || err.Error() != "publish: the publisher is closed" {
		t.Error(err)
	}
}

func TestUnsupported_IsErrUnsupported(t *testing.T) {
	err := fmt.Errorf("join: %w", Unsupported("it needs Linux"))
	if !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrClosed) || err.Error() != "join: it needs Linux" {
		t.Error(err)
	}
}

func TestIsLocalShortage(t *testing.T) {
	for _, err := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, &MemoryError{Err: syscall.EAGAIN}} {
		if !IsLocalShortage(fmt.Errorf("map: %w", err)) {
			t.Errorf("%v is not local", err)
		}
	}
	for _, err := range []error{nil, &SpaceError{Err: syscall.ENOSPC}, &CorruptError{}, syscall.EACCES} {
		if IsLocalShortage(err) {
			t.Errorf("%v is local", err)
		}
	}
}
