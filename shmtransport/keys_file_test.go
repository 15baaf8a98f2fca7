//go:build linux

package shmtransport

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
)

func TestKeys_Inspect(t *testing.T) {
	d := newDomain(t)
	w := d.writer(WriterOptions{Depth: 2, MaxKeys: 8})
	for i := range 100 {
		if _, err := w.PublishKey(t.Context(), fmt.Sprint("key", i%5), make([]byte, 100+i)); err != nil {
			t.Fatal(err)
		}
	}
	state, err := InspectPublisher(w.path, w.ID())
	if err != nil || state.Keys != 5 || state.MaxKeys != 8 {
		t.Fatalf("%+v, %v", state, err)
	}
	f, err := os.OpenFile(w.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{0xff, 0xff, 0xff, 0xff}, int64(keyTableOffset(2))); err != nil {
		t.Fatal(err)
	}
	if _, err := InspectPublisher(w.path, w.ID()); !errors.As(err, new(*errdefs.CorruptError)) {
		t.Error(err)
	}
}
