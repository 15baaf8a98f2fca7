package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// member returns a participant of a domain of its own.
func member(t *testing.T, dir string) *topic.Participant {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func domains(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// echo has a command that returns its arguments, one that fails and one that waits for the end of the server.
func echo(path string) Service {
	return Service{Kind: "player", Path: path, Commands: []Command{
		{CommandDescription{"echo", "[WORD]...", "Return the words."}, func(_ context.Context, words []string) (any, error) { return words, nil }},
		{CommandDescription{Name: "fail"}, func(context.Context, []string) (any, error) { return nil, errors.New("it is \"broken\"\n") }},
		{CommandDescription{Name: "large"}, func(context.Context, []string) (any, error) { return strings.Repeat("x", maxAnswer), nil }},
		{CommandDescription{Name: "wait"}, func(ctx context.Context, _ []string) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}},
	}}
}

func serve(t *testing.T, p *topic.Participant, path string) *Server {
	t.Helper()
	s, err := Serve(p.Dir(), p.ID(), echo(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func list(t *testing.T, dir string) []*Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	clients, _, err := List(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range clients {
			c.Close()
		}
	})
	return clients
}

func TestCommands(t *testing.T) {
	for name, dir := range map[string]string{"": domains(t), "a long path": filepath.Join(domains(t), strings.Repeat("long", 30))} {
		t.Run(name, func(t *testing.T) {
			p := member(t, dir)
			serve(t, p, "/a.mcap")
			serve(t, p, "/b.mcap")
			clients := list(t, p.Dir())
			if len(clients) != 2 {
				t.Fatalf("%d servers", len(clients))
			}
			for i, c := range clients {
				d := c.Description
				if d.Kind != "player" || d.PID != os.Getpid() || d.Path != []string{"/a.mcap", "/b.mcap"}[i] || fmt.Sprint(d.Names()) != "[echo fail large wait]" || d.Commands[0].Arguments != "[WORD]..." {
					t.Errorf("%+v", d)
				}
			}
			c := clients[0]
			if got, err := c.Do(t.Context(), "echo", "a b", "\n", "\x00"); err != nil || string(got) != `["a b","\n","\u0000"]` {
				t.Errorf("%s, %v", got, err)
			}
			for command, want := range map[string]string{
				"fail": `it is "broken"`, "nothing": "a player has no command \"nothing\"; it has echo, fail, large, wait", "large": "more than 1048576 bytes",
				"echo": "a request has at most 65536 bytes",
			} {
				var arguments []string
				if command == "echo" {
					arguments = []string{strings.Repeat("x", maxRequest)}
				}
				if _, err := c.Do(t.Context(), command, arguments...); !errors.As(err, new(*AnswerError)) || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", command, err)
				}
			}
			if got, err := c.Do(t.Context(), "echo", "again"); err != nil || string(got) != `["again"]` {
				t.Errorf("after refused commands: %s, %v", got, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			if _, err := c.Do(ctx, "wait"); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// What is not a request gets an error, and the server goes on.
func TestHostileClients(t *testing.T) {
	p := member(t, domains(t))
	s := serve(t, p, "/a.mcap")
	info, err := os.Stat(s.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	for text, want := range map[string]string{
		"\n": "not valid", "{}\n": "no command", "[1]\n": "not valid", `{"command":"echo","rate":1}` + "\n": "unknown field", strings.Repeat("x", maxRequest+1): "at most",
	} {
		c, err := net.Dial("unix", s.path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		var b [1000]byte
		n, err := c.Read(b[:])
		if err != nil || !bytes.HasPrefix(b[:n], []byte(`{"error":"`)) || !bytes.Contains(b[:n], []byte(want)) {
			t.Errorf("%.100q is answered with %q, %v", text, b[:n], err)
		}
		c.Close()
	}
	var idle []net.Conn
	for range maxClients + 1 {
		c, err := net.Dial("unix", s.path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	// The last one is refused: the connection ends.
	if n, err := idle[maxClients].Read(make([]byte, 1)); err == nil {
		t.Errorf("one client more than %d gets %d bytes", maxClients, n)
	}
}

// A server that sends too much, or nothing, does not hold a client up.
func TestHostileServers(t *testing.T) {
	p := member(t, domains(t))
	for i, send := range []string{strings.Repeat("x", maxAnswer+10), "", "[]\n", `{"result":[1]}` + "\n"} {
		l, err := net.Listen("unix", socketPath(p.Dir(), p.ID(), i))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			if c, err := l.Accept(); err == nil {
				c.Write([]byte(send))
				<-t.Context().Done()
				c.Close()
			}
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	clients, silent, err := List(ctx, p.Dir())
	if err != nil || len(clients) > 0 || !slices.Contains(silent, socketPath(p.Dir(), p.ID(), 1)) {
		t.Errorf("%d clients, %q are silent, %v", len(clients), silent, err)
	}
}

func TestClose(t *testing.T) {
	p := member(t, domains(t))
	s, err := Serve(p.Dir(), p.ID(), echo("/a.mcap"))
	if err != nil {
		t.Fatal(err)
	}
	c := list(t, p.Dir())[0]
	waiting := make(chan error)
	go func() {
		_, err := c.Do(context.Background(), "wait")
		waiting <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err == nil {
		t.Error("a command goes on after Close")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket remains: %v", err)
	}
	if clients := list(t, p.Dir()); len(clients) > 0 {
		t.Errorf("%d servers", len(clients))
	}
}

// The socket of a killed process is removed by the next List. Other files with such names stay.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("CONTROL_TEST_DIR"); dir != "" {
		serve(t, member(t, dir), "/a.mcap")
		fmt.Println("serving")
		select {}
	}
	dir := domains(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "CONTROL_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	p := member(t, dir)
	if n := len(list(t, p.Dir())); n != 1 {
		t.Errorf("%d servers", n)
	}
	cmd.Process.Kill()
	cmd.Wait()
	foreign := filepath.Join(p.Dir(), registry.ID(1).String()+marker+"0")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if paths, err := Sockets(p.Dir()); len(paths) != 0 || err != nil {
		t.Errorf("%v, %v", paths, err)
	}
	if all, err := filepath.Glob(filepath.Join(p.Dir(), "*"+marker+"*")); len(all) != 2 || err != nil {
		t.Errorf("Sockets changed the directory: %v, %v", all, err)
	}
	if n := len(list(t, p.Dir())); n != 0 {
		t.Errorf("%d servers", n)
	}
	left, err := filepath.Glob(filepath.Join(p.Dir(), "*"+marker+"*"))
	if err != nil || len(left) != 1 || left[0] != foreign {
		t.Errorf("%v, %v", left, err)
	}
}

// The command that ends the program is answered before the server is closed.
func TestClose_AnswersWhatRuns(t *testing.T) {
	p := member(t, domains(t))
	stopping := make(chan bool)
	s, err := Serve(p.Dir(), p.ID(), Service{Kind: "player", Commands: []Command{{
		CommandDescription{Name: "stop"}, func(ctx context.Context, _ []string) (any, error) {
			close(stopping)
			<-ctx.Done()
			return "stopped", nil
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	c := list(t, p.Dir())[0]
	closed := make(chan error)
	go func() {
		<-stopping
		closed <- s.Close()
	}()
	if got, err := c.Do(t.Context(), "stop"); err != nil || string(got) != `"stopped"` {
		t.Errorf("%s, %v", got, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
