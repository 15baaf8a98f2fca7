package service_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/service"
)

// A client that makes one call after the other costs the memory of a few requests and responses, and not that of all that may be open.
func TestCall_MemoryOfLargeRequestsAndResponses(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	server, err := service.NewServer(ctx, join(t, dir), "echo", func(ctx context.Context, call *service.Call[[]byte, []byte]) ([]byte, error) {
		return call.Request(), nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := service.NewClient[[]byte, []byte](ctx, join(t, dir), "echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	large := make([]byte, 1<<20)
	for i := range 64 {
		large[len(large)-1] = byte(i)
		got, err := client.Call(ctx, large)
		if err != nil || len(got) != len(large) || got[len(got)-1] != byte(i) {
			t.Fatalf("call %d: %d bytes, %v", i, len(got), err)
		}
	}
	var memory int64
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !strings.Contains(filepath.Base(path), ".pub.") {
			return err
		}
		info, err := e.Info()
		if err == nil {
			memory += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(12 << 20); memory > want || memory < int64(2*len(large)) {
		t.Errorf("after 64 calls of 1 MiB there and back the publishers have %d bytes, want at most %d", memory, want)
	}
}
