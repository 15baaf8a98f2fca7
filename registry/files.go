package registry

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/shmbus/shmbus/internal/shm"
)

const (
	registryName      = "registry"
	participantSuffix = "participant"
	idDigits          = 16
)

// parseFileName splits the name of a participant's file. All other names are foreign, and shmbus never touches those files.
func parseFileName(name string) (id ID, suffix string, ok bool) {
	head, suffix, ok := strings.Cut(name, ".")
	if !ok {
		return 0, "", false
	}
	switch {
	case suffix == participantSuffix, suffix == SuffixReader, suffix == SuffixWake:
	default:
		sort, number, _ := strings.Cut(suffix, ".")
		if sort != "pub" && sort != "schema" && sort != "control" || !isDigits(number) {
			return 0, "", false
		}
	}
	id, ok = parseID(head)
	return id, suffix, ok
}

// ofItsSort reports whether a name with this suffix is of a file of shmbus, by its mode: a control socket, or a regular file.
func ofItsSort(suffix string, mode fs.FileMode) bool {
	if strings.HasPrefix(suffix, SuffixControl) {
		return mode.Type() == fs.ModeSocket
	}
	return mode.IsRegular()
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// eachFile calls fn for every file of a participant that the directory lists. A listing is not of one instant: a file that
// came or went meanwhile may be in it or not.
func eachFile(dir string, fn func(id ID, suffix string)) error {
	d, err := shm.OpenDir(dir)
	if errors.Is(err, syscall.ENOTDIR) {
		if _, serr := os.Stat(dir); serr != nil {
			return examineError(dir, err)
		}
		return checkDir(dir, 0)
	}
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(1024)
		for _, name := range names {
			if id, suffix, ok := parseFileName(name); ok {
				fn(id, suffix)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func filePath(dir string, id ID, suffix string) string {
	return filepath.Join(dir, id.String()+"."+suffix)
}
