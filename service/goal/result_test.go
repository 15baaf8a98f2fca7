package goal_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A result that has come needs no server: it does not wait until a successor of the server has answered.
func TestResult_WaitsForNoOtherServer(t *testing.T) {
	dir := t.TempDir()
	server, s := serve(t, dir, nil)
	c := connect(t, dir)
	h := start(t, c, "")
	s.await(t, h.ID())
	s.end("there", nil)
	<-h.Done()
	found, err := service.Find(t.Context(), join(t, dir), c.Name())
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}

	// A process announces servers and does not answer, so that the client always connects to one.
	silent, d := join(t, dir), found[0].Description
	announce := func() {
		d.Key++
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		pub, err := topic.NewPublisher(t.Context(), silent, service.Prefix+c.Name()+"/server", &topic.PublisherOptions[[]byte]{
			Codec: serde.Opaque(serde.Type{Name: "service.Description", Encoding: serde.EncodingJSON}), Depth: 2, Latched: true, MaxPayload: 1 << 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pub.Publish(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	control, err := topic.NewSubscriber(t.Context(), silent, service.Prefix+c.Name()+"/control/*", &topic.SubscriberOptions[[]byte]{
		Codec: serde.Opaque(serde.Type{Name: "service.control", Encoding: "raw"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for announce(); control.Publishers() == 0; { // the client connects from then on
		time.Sleep(time.Millisecond)
	}

	done := make(chan error, 1)
	go func() {
		v, err := h.Result(t.Context())
		if err == nil && v != "there" {
			err = errors.New("the result is " + v)
		}
		done <- err
	}()
	for limit := time.After(20 * time.Second); ; announce() {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		case <-limit:
			t.Fatal("it waits for another server")
		case <-time.After(time.Second): // each is given up after five
		}
	}
}
