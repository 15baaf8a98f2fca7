package record

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/internal/shm"
)

// partExtension is the end of the names of complete recordings in a directory.
const partExtension = ".mcap"

// Parts returns the recordings in a directory: the parts of one recording, by their numbers, or any others, by name. A numbered part that was
// not completed and that no recorder writes any more is one of them: it has what was recorded before a power failure. Of another path, Parts
// returns that.
func Parts(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name, partial := strings.CutSuffix(e.Name(), unfinished)
		if e.IsDir() || !strings.HasSuffix(name, partExtension) || partial && !isLeftBehind(path, name) {
			continue
		}
		names = append(names, e.Name())
	}
	if len(names) == 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("the directory has no file whose name ends in " + partExtension)}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(orderOf(a), orderOf(b)), cmp.Compare(a, b)) })
	for i, name := range names {
		names[i] = filepath.Join(path, name)
	}
	return names, nil
}

// numberIn splits the number off the name of a part.
func numberIn(name string) (series string, number uint64, ok bool) {
	stem := strings.TrimSuffix(name, partExtension)
	i := strings.LastIndexByte(stem, '-')
	number, err := strconv.ParseUint(stem[i+1:], 10, 64)
	return stem[:max(i, 0)], number, i >= 0 && err == nil
}

// orderOf returns a text by which names are sorted: that part 10000 follows part 9999, numbers have the same length in it.
func orderOf(name string) string {
	name = strings.TrimSuffix(name, unfinished)
	if series, number, ok := numberIn(name); ok {
		return fmt.Sprintf("%s-%020d", series, number) + partExtension
	}
	return name
}

// isLeftBehind reports whether the unfinished file of a part has messages, its name is not taken by the complete part, and no recorder
// writes it. A recorder locks its file before the first byte.
func isLeftBehind(dir, name string) bool {
	if _, _, numbered := numberIn(name); !numbered {
		return false
	}
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); err == nil {
		return false
	}
	info, err := os.Stat(path + unfinished)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	f, err := shm.Open(path + unfinished)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) // reading it says what is wrong
	}
	defer f.Close()
	locked, err := f.Locked()
	return !locked || err != nil // some file systems have no locks
}
