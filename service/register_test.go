package service_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
)

// A name has one server. A second one is told the process of the first, and gets the name when that has closed.
func TestServer_ExclusiveName(t *testing.T) {
	dir := t.TempDir()
	first := serve(t, dir, "robot/arm", echo, nil)
	p := join(t, dir)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range []bool{false, true} {
		_, err = service.NewServer(t.Context(), p, "robot/arm", echo, &service.ServerOptions[int, int]{Group: group})
		var exists *service.ServerExistsError
		if !errors.As(err, &exists) || exists.Server.PID != os.Getpid() || exists.Server.Executable != exe {
			t.Errorf("a second server, group %t: %v", group, err)
		}
		for _, part := range []string{`"robot/arm"`, fmt.Sprint(os.Getpid()), exe} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in: %v", part, err)
			}
		}
		if err != nil && strings.Contains(err.Error(), "Group") != group { // goals and parameters have no such option
			t.Errorf("a second server, group %t: %v", group, err)
		}
	}
	client := connect[int, int](t, dir, "robot/arm", nil)
	if got, err := client.Call(limited(t), 5); got != 5 || err != nil {
		t.Errorf("the first server: %d, %v", got, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	serve(t, dir, "robot/arm", echo, nil)
	if err := client.WaitForServer(limited(t)); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Call(limited(t), 6); got != 6 || err != nil {
		t.Errorf("the next server: %d, %v", got, err)
	}
}

// Of servers that register one name at the same time exactly one gets it.
func TestServer_RegisterAtTheSameTime(t *testing.T) {
	const servers, rounds = 3, 25
	dir := t.TempDir()
	var participants [servers]*registering
	for i := range participants {
		participants[i] = &registering{p: join(t, dir)}
	}
	for round := range rounds {
		var wg sync.WaitGroup
		begin := make(chan bool)
		for _, r := range participants {
			wg.Go(func() {
				<-begin
				r.server, r.err = service.NewServer(t.Context(), r.p, "one", echo, nil)
			})
		}
		close(begin)
		wg.Wait()
		won := 0
		for _, r := range participants {
			switch {
			case r.err == nil:
				won++
			case !errors.As(r.err, new(*service.ServerExistsError)):
				t.Errorf("round %d: %v", round, r.err)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d servers have the name", round, won)
		}
		for _, r := range participants {
			if r.err == nil {
				if err := r.server.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// When a server's constructor has returned, calls of clients that were there before reach it.
func TestNewServer_ExistingClientsFindIt(t *testing.T) {
	for i := range 15 {
		dir := t.TempDir()
		client := connect[int, int](t, dir, "new", nil)
		serve(t, dir, "new", echo, nil)
		if got, err := client.Call(limited(t), i); got != i || err != nil {
			t.Errorf("call %d: %d, %v", i, got, err)
		}
	}
}

// Client and server of other types refuse each other, and say both, for requests and responses.
func TestClient_OtherTypes(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "typed", echo, nil)
	_, err := service.NewClient[string, int](t.Context(), join(t, dir), "typed", nil)
	exe, exeErr := os.Executable()
	if exeErr != nil {
		t.Fatal(exeErr)
	}
	want := fmt.Sprintf(`call "typed": requests: this client, pid %d, has string in encoding "string", the server %s, pid %[1]d, %[3]s, has int in encoding "msgpack"; `+
		`give both sides the same types and codecs`, os.Getpid(), filepath.Base(exe), exe)
	wantMismatch(t, err, want)
	_, err = service.NewClient[int, sum](t.Context(), join(t, dir), "typed", nil)
	wantMismatch(t, err, `call "typed": responses: this client, pid `, `has service_test.sum in encoding "msgpack"`, `has int in encoding "msgpack"`)

	early := connect[int, sum](t, dir, "later", nil)
	serve(t, dir, "later", echo, nil)
	for ctx := limited(t); ; {
		_, err = early.Call(ctx, 1)
		if !errors.Is(err, service.ErrNoServer) {
			break
		}
		if ctx.Err() != nil {
			break
		}
	}
	wantMismatch(t, err, "responses", "sum", "int")
}

// A refusing codec takes no other schema than its own, or says that it does not.
type refusing struct {
	serde.Codec[sum]
	schema string
}

func (c refusing) Type() serde.Type {
	return serde.Type{Name: "sum", Encoding: "json", SchemaEncoding: "test", Schema: []byte(c.schema)}
}

func (refusing) CheckType(serde.Type) error { return errors.New("the schema is another one") }

// A server that refuses the schema of a client does not connect to it. The client says what may be wrong.
func TestClient_SchemaThatTheServerRefuses(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, "typed", func(context.Context, *service.Call[sum, int]) (int, error) { return 0, nil },
		&service.ServerOptions[sum, int]{RequestCodec: refusing{serde.JSON[sum](), "a"}})
	client := connect[sum, int](t, dir, "typed", &service.ClientOptions[sum, int]{RequestCodec: refusing{serde.JSON[sum](), "b"}})
	_, err := client.Call(limited(t), sum{})
	for _, part := range []string{`call "typed" of ` + filepath.Base(os.Args[0]), `its codec refuses the requests of this client, sum in encoding "json" with schema `, `, where it has sum in encoding "json" with schema `} {
		if !errors.Is(err, service.ErrNoServer) || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}

// The names of services are checked, limits that are none, and handlers.
func TestNames(t *testing.T) {
	p := join(t, t.TempDir())
	for _, name := range []string{"", "/", "/a", "a//b", "a/*", "a/**", "$service/x", "a\x00b", "a\xff", strings.Repeat("x", service.MaxName+1)} {
		if s, err := service.NewServer(t.Context(), p, name, echo, nil); err == nil || !strings.Contains(err.Error(), "service name") {
			t.Errorf("NewServer of %q: %v", name, err)
			s.Close()
		}
		if c, err := service.NewClient[int, int](t.Context(), p, name, nil); err == nil || !strings.Contains(err.Error(), "service name") {
			t.Errorf("NewClient of %q: %v", name, err)
			c.Close()
		}
	}
	for _, opts := range []service.ServerOptions[int, int]{{Concurrency: -1}, {MaxCalls: -1}, {MaxCalls: 481}, {MaxPayload: -1}, {MemoryLimit: -1}, {MaxPayload: 1}} {
		if s, err := service.NewServer(t.Context(), p, "limits", echo, &opts); err == nil {
			t.Errorf("NewServer with %+v succeeded", opts)
			s.Close()
		}
	}
	for _, opts := range []service.ClientOptions[int, int]{{MaxCalls: -1}, {MaxCalls: 481}, {MaxPayload: -1}, {MemoryLimit: -1}, {MaxPayload: 1}} {
		if c, err := service.NewClient[int, int](t.Context(), p, "limits", &opts); err == nil {
			t.Errorf("NewClient with %+v succeeded", opts)
			c.Close()
		}
	}
	if _, err := service.NewServer[int, int](t.Context(), p, "nil", nil, nil); err == nil {
		t.Error("a nil handler is allowed")
	}
	if _, err := service.NewStreamServer[int, int](t.Context(), p, "nil", nil, nil); err == nil {
		t.Error("a nil handler of streams is allowed")
	}
	longest := strings.Repeat("x", service.MaxName)
	serve(t, p.Dir(), "a", func(_ context.Context, call *service.Call[int, int]) (int, error) { return 1, nil }, nil)
	s, err := service.NewServer(t.Context(), p, longest, echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
