package record

import (
	"io"
	"testing"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// BenchmarkRecorder_Calls takes what two processes exchange in a call, again and again: "call" a request and a response, each with the
// message about it, beside "topic" the same payloads as samples of topics.
func BenchmarkRecorder_Calls(b *testing.B) {
	request, response := exchanged(b)
	for name, asCalls := range map[string]bool{"call": true, "topic": false} {
		b.Run(name, func(b *testing.B) {
			c := clock.New()
			w, err := mcapfile.NewWriter(io.Discard, &mcapfile.WriterOptions{Compression: "none"})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			r := newRecorder(w, &RecordOptions{}, newSources(), c, clock.NewWall(c.Read))
			n := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				n++
				for i, s := range []*exchangedSample{request, response} {
					d := s.description
					if !asCalls {
						d.topic = "topic/" + d.topic
					}
					a := sampleInfo{publisher: publisherID(i), sequence: n, stamp: c.Now()}
					src, err := r.sourceOf(a.publisher, func() description { return d })
					if err != nil {
						b.Fatal(err)
					}
					if asCalls {
						err = r.takeCallPayload(src, s.payload, &a)
					} else {
						m, e := r.message(src, &a)
						m.Data = s.payload
						if err = e; err == nil {
							err = r.finish(src, &m, r.write(src, &m))
						}
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// An exchangedSample is a copy of a sample of a service.
type exchangedSample struct {
	description description
	payload     []byte
}

// exchanged returns the request and the response of a call.
func exchanged(b *testing.B) (request, response *exchangedSample) {
	d := domain(b)
	p := join(b, d)
	sub, err := topic.NewSubscriber(b.Context(), join(b, d), service.Prefix+"**", &topic.SubscriberOptions[[]byte]{Lossless: true})
	if err != nil {
		b.Fatal(err)
	}
	defer sub.Close()
	planner(b, p)
	if _, err := caller(b, p).Call(b.Context(), target{3}); err != nil {
		b.Fatal(err)
	}
	for request == nil || response == nil {
		s, err := sub.Receive(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		x := &exchangedSample{descriptionOf(&s), append([]byte(nil), s.Bytes()...)}
		switch h, _, _ := service.ParseHeader(x.payload); h.Kind {
		case service.KindCall:
			request = x
		case service.KindResponse:
			response = x
		}
		s.Release()
	}
	return request, response
}
