package command

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/topic"
)

// Every encoding of the sample is decoded from a recording.
func TestCat_Encodings(t *testing.T) {
	program := filepath.Join(t.TempDir(), "encodings")
	if out, err := exec.Command("go", "build", "-o", program, "../../../../samples/encodings").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	list, err := exec.Command(program, "-list").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := domains(t)
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	path := filepath.Join(t.TempDir(), "all.mcap")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := record.Record(ctx, p, path, &record.RecordOptions{Lossless: true, Started: func() { close(started) }})
		ended <- err
	}()
	select {
	case <-started:
	case err := <-ended:
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program, "-count", "2")
	cmd.Env = append(os.Environ(), "SHMBUS_DIR="+dir, "SHMBUS_DOMAIN=d")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}

	code, stdout, stderr := run(t, "cat", path)
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	printed := map[string]int{}
	for _, l := range catLines(t, stdout) {
		printed[l.Encoding]++
		object := strings.HasPrefix(string(l.Data), `{"`)
		switch l.Encoding {
		case "raw":
			object = l.Base64 != nil && l.Data == nil
		case "string":
			object = strings.HasPrefix(string(l.Data), `"`)
		}
		if !object || l.Error != "" || l.Publisher == "" {
			t.Errorf("%.300v", l)
		}
	}
	names := strings.Fields(string(list))
	for _, name := range names {
		if printed[name] != 2*3 { // pose, image and point cloud, twice
			t.Errorf("%d messages of %s are printed", printed[name], name)
		}
	}
	if len(printed) != len(names) {
		t.Errorf("%v, want those of %v", printed, names)
	}
}
