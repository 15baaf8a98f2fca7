package mcapjs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/record/edit"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// TestRewritten_ReadByTheMCAPLibrary wants files of package edit to hold the same for another reader, in every compression, and
// also if what they were made from has no index.
func TestRewritten_ReadByTheMCAPLibrary(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.mcap")
	want, _, _ := write(t, whole, &mcapfile.WriterOptions{ChunkSize: 2000})
	recovered := filepath.Join(dir, "killed.mcap")
	b, err := os.ReadFile(whole)
	if err == nil {
		err = os.WriteFile(recovered, b[:len(b)*9/10], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]edit.Options{
		"zstd":         {},
		"zstd, level":  {Level: 19, ChunkSize: 500},
		"lz4":          {Compression: mcapfile.LZ4},
		"lz4, level":   {Compression: mcapfile.LZ4, Level: 10, ChunkSize: 500},
		"none":         {Compression: mcapfile.Uncompressed},
		"small chunks": {Compression: mcapfile.Uncompressed, ChunkSize: 1},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.mcap")
			if _, err := edit.Rewrite(t.Context(), out, []edit.Source{{Path: whole}}, &o); err != nil {
				t.Fatal(err)
			}
			r := check(t, out)
			if diff := cmp.Diff(want, r.Stream.figures); diff != "" {
				t.Errorf("as a stream: %s", diff)
			}
			if diff := cmp.Diff(want, r.Index.figures); diff != "" {
				t.Errorf("by the index: %s", diff)
			}
			if s := r.Index.Statistics; s.Messages != want.Messages || s.Channels != len(channels) || s.Chunks != r.Index.Chunks || s.Chunks == 0 {
				t.Errorf("%+v", s)
			}
			if diff := cmp.Diff(map[string]map[string]string{"shmrec.stats": {"lost": "0"}}, r.Index.Metadata); diff != "" {
				t.Error(diff)
			}
		})
	}
	out := filepath.Join(dir, "recovered.mcap")
	res, err := edit.Rewrite(t.Context(), out, []edit.Source{{Path: recovered}}, nil)
	if err != nil || res.Damage == nil || res.Messages == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	if r := check(t, out); r.Index.Messages != int(res.Messages) || r.Stream.Messages != int(res.Messages) {
		t.Errorf("%d and %d messages, want %d", r.Stream.Messages, r.Index.Messages, res.Messages)
	}
}

// TestForeignRecordings_RewrittenForTheMCAPLibrary wants recordings of other tools, rewritten, to be the same for another reader.
func TestForeignRecordings_RewrittenForTheMCAPLibrary(t *testing.T) {
	paths, err := filepath.Glob("../../../shared/data/*.mcap")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		missing(t, "put MCAP files of other tools into ../shared/data, beside the checkout, to run this test")
	}
	for _, path := range paths {
		out := filepath.Join(t.TempDir(), "out.mcap")
		res, err := edit.Rewrite(t.Context(), out, []edit.Source{{Path: path}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, got := check(t, path), check(t, out)
		if diff := cmp.Diff(want.Stream.figures, got.Stream.figures); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if diff := cmp.Diff(want.Index.Metadata, got.Index.Metadata); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if got.Index.AttachmentsError != "" || len(got.Index.Attachments) != int(res.Attachments) {
			t.Errorf("%s: %d attachments, %s", path, len(got.Index.Attachments), got.Index.AttachmentsError)
		}
		// The index of one of the recordings is wrong, which the new file corrects.
		if diff := cmp.Diff(want.Index.Attachments, got.Index.Attachments); diff != "" && want.Index.AttachmentsError == "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}
