package screen

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// A savable page can be written to a file.
type savable interface {
	WriteCSV(w io.Writer) error
	WriteJSON(w io.Writer) error
}

// saveTable writes the table to a new file, and says where it is. Without a name it finds one that is free.
func (m *Model) saveTable(name string) {
	p, ok := m.page().(savable)
	if !ok {
		m.say(theme.Warning, "this view has no table to save")
		return
	}
	saved, err := m.saveAs(p, name)
	if err != nil {
		m.say(theme.Problem, "not saved: "+err.Error())
		return
	}
	m.say(theme.Good, "saved "+saved)
}

func (m *Model) saveAs(p savable, name string) (string, error) {
	given := name != ""
	var f io.WriteCloser
	var err error
	for n := 1; n < 1000; n++ {
		if !given {
			name = fmt.Sprintf("shmmon-%s-%d.csv", strings.ToLower(m.roots[m.root()].title()), n)
		}
		if f, err = m.opts.Create(name); given || !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", err
	}
	write := p.WriteCSV
	if strings.EqualFold(filepath.Ext(name), ".json") {
		write = p.WriteJSON
	}
	return name, errors.Join(write(f), f.Close())
}

// saved saves one value of a row, under the name that it has in --json.
func saved[R, V any](name string, of func(R) V) func(R) []table.Saved {
	return func(r R) []table.Saved { return []table.Saved{{Name: name, Value: of(r)}} }
}

// known is a number that is not known if it is negative.
func known(n int64) any {
	if n < 0 {
		return nil
	}
	return n
}

// secondsSince is an age in seconds.
func secondsSince(m *Model, stamp int64) any {
	if stamp <= 0 {
		return nil
	}
	return float64(m.view.At-stamp) / 1e9
}
