package command

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// echoed is a line of echo.
type echoed struct {
	Topic    string          `json:"topic"`
	Encoding string          `json:"encoding"`
	Data     json.RawMessage `json:"data"`
	Hex      *string         `json:"hex"`
	Error    string          `json:"error"`
}

func shmmon(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := Run(t.Context(), append(args, "--dir", dir, "--domain", "d"), &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("shmmon %.200q ends with %d: %s", args, code, &stderr)
	}
	return stdout.String()
}

// What echo shows of the messages of the sample of encodings, pub publishes.
func TestEchoAndPub_Encodings(t *testing.T) {
	program := filepath.Join(t.TempDir(), "encodings")
	if out, err := exec.Command("go", "build", "-o", program, "../../../../samples/encodings").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	list, err := exec.Command(program, "-list").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "SHMBUS_DIR="+dir, "SHMBUS_DOMAIN=d")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, encoding := range strings.Fields(string(list)) {
		for _, kind := range []string{"pose", "image", "points"} {
			checkEncoding(t, p, dir, encoding, kind)
		}
	}
}

func checkEncoding(t *testing.T, p *topic.Participant, dir, encoding, kind string) {
	t.Helper()
	name := "encodings/" + encoding + "/" + kind
	var line echoed
	if err := json.Unmarshal([]byte(shmmon(t, dir, "echo", name, "--json", "--wait", "--timeout", "1m")), &line); err != nil {
		t.Fatal(err)
	}
	if line.Encoding != encoding || line.Topic != name || (line.Data == nil) != (encoding == "raw") || (line.Hex == nil) != (encoding != "raw") || line.Error != "" {
		t.Errorf("%.300v", line)
	}
	if encoding == "raw" {
		return
	}
	ctx := t.Context()
	typ, again := announcedType(ctx, t, p, name), "again/"+encoding+"/"+kind
	sub, err := topic.NewSubscriber(ctx, p, again, &topic.SubscriberOptions[[]byte]{Codec: serde.Opaque(typ)})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	out := shmmon(t, dir, "pub", again, string(line.Data), "--wait", "--timeout", "1m", "--json")
	if !strings.Contains(out, `"encoding": "`+encoding+`"`) {
		t.Errorf("%s: %s", again, out)
	}
	s, err := sub.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	var a app
	js, err := a.payloads.ToJSON(s.Type(), s.Bytes())
	if err != nil || string(js) != string(line.Data) {
		t.Errorf("%s: %.300s was published as %.300s (%v)", again, line.Data, js, err)
	}
}

// announcedType returns the type of a topic, with its schema.
func announcedType(ctx context.Context, t *testing.T, p *topic.Participant, name string) serde.Type {
	t.Helper()
	sub, err := topic.NewSubscriber[[]byte](ctx, p, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	s, err := sub.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	return s.Type()
}
