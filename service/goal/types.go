package goal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
)

// Encoding begins the encodings of requests and responses of a server of goals. The encoding of the goal follows in requests. The schema
// of the responses is the JSON of the types of feedback and result.
const Encoding = service.GoalEncoding

const (
	responseEncoding = service.GoalUpdate
	schemaEncoding   = "goal"
)

// Types are the types of the values of a server of goals.
type Types struct{ Goal, Feedback, Result serde.Type }

// TypesOf returns the types of the goals of a server. ok is false if it serves no goals.
func TypesOf(d service.Description) (t Types, ok bool) {
	if d.Response.Encoding != responseEncoding {
		return t, false
	}
	values, err := valuesOfUpdates(d.Response)
	return Types{valueOfRequests(d.Request), values.Feedback, values.Result}, err == nil
}

// RequestType returns the type of the requests for goals of type t.
func RequestType(t serde.Type) serde.Type {
	t.Encoding = Encoding + t.Encoding
	return t
}

func valueOfRequests(t serde.Type) serde.Type {
	t.Encoding = strings.TrimPrefix(t.Encoding, Encoding)
	return t
}

// updateTypes is the schema of updates.
type updateTypes struct{ Feedback, Result serde.Type }

func valuesOfUpdates(t serde.Type) (values updateTypes, err error) {
	if err := json.Unmarshal(t.Schema, &values); err != nil {
		return values, fmt.Errorf("read the types of feedback and result: %w", err)
	}
	return values, nil
}

// updateCodec passes the bytes of updates on. It announces and compares the types of feedback and result.
type updateCodec[F, R any] struct {
	feedback serde.Codec[F]
	result   serde.Codec[R]
}

func (c updateCodec[F, R]) Type() serde.Type {
	return UpdateType(c.feedback.Type(), c.result.Type())
}

// UpdateType returns the type of the responses of a server of goals.
func UpdateType(feedback, result serde.Type) serde.Type {
	schema, _ := json.Marshal(updateTypes{feedback, result}) // text and bytes can always be encoded
	return serde.Type{Encoding: responseEncoding, SchemaEncoding: schemaEncoding, Schema: schema}
}

func (c updateCodec[F, R]) Encoder() serde.Encoder[[]byte] { return serde.Raw().Encoder() }
func (c updateCodec[F, R]) Decoder() serde.Decoder[[]byte] { return serde.Raw().Decoder() }

// CheckType implements serde.TypeChecker.
func (c updateCodec[F, R]) CheckType(published serde.Type) error {
	there, err := valuesOfUpdates(published)
	if err != nil {
		return err
	}
	if err := fits(there.Feedback, c.feedback.Type(), c.feedback, "the server", "this client"); err != nil {
		return fmt.Errorf("feedback: %w", err)
	}
	if err := fits(there.Result, c.result.Type(), c.result, "the server", "this client"); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return nil
}

// fits returns nil if a codec of a type can read values of a published type, by the rules of topics. The error names both sides.
func fits(published, own serde.Type, codec any, publisher, reader string) error {
	check, checks := codec.(serde.TypeChecker)
	err := registry.Match(
		registry.Endpoint{TypeName: published.Name, Encoding: published.Encoding, Schema: published.Schema},
		registry.Endpoint{TypeName: own.Name, Encoding: own.Encoding, Schema: own.Schema, ChecksSchema: checks})
	var mismatch *registry.TypeMismatchError
	switch {
	case err != nil:
		both := fmt.Sprintf("%s has %q in %q, %s %q in %q", publisher, published.Name, published.Encoding, reader, own.Name, own.Encoding)
		if errors.As(err, &mismatch) && mismatch.Difference != "" {
			both += ": " + mismatch.Difference
		}
		return errors.New(both)
	case checks && len(published.Schema)*len(own.Schema) != 0 && string(published.Schema) != string(own.Schema):
		return check.CheckType(published)
	}
	return nil
}

// codecOf returns the codec of an option, or the default.
func codecOf[T any](c serde.Codec[T]) (serde.Codec[T], error) {
	if c != nil {
		return c, nil
	}
	return serde.Default[T](), serde.CheckDefault[T]()
}
