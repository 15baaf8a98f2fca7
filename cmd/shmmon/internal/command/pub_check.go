package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/serde"
)

// checkJSON compares a message with the JSON Schema of its type, if it has one, which must have all fields of the message. Messages of
// other types are compared with their schema while they are made of JSON.
func checkJSON(ctx context.Context, kind serde.Type, js []byte) error {
	if kind.SchemaEncoding != "jsonschema" {
		return nil
	}
	return cli.Await(ctx, func() error { // the schema is another process's, and may take long
		message, err := jsonschema.UnmarshalJSON(bytes.NewReader(js))
		if err != nil {
			return err
		}
		schema, err := compile(kind.Schema)
		if err != nil {
			return fmt.Errorf("the JSON Schema of %q cannot be used: %.300s", kind.Name, text.Escape(err.Error()))
		}
		if err = checkFields(schema, message); err == nil {
			err = schema.Validate(message)
		}
		if invalid, ok := err.(*jsonschema.ValidationError); ok {
			err = firstFault(invalid)
		}
		if err != nil {
			err = fmt.Errorf("the message does not fit the schema of %q: %.300s", kind.Name, text.Escape(err.Error()))
		}
		return err
	})
}

// isUnchecked reports whether a message has fields of which nothing tells whether the decoder of a type knows them: it drops the others.
func isUnchecked(kind serde.Type, js []byte) bool {
	switch kind.Encoding {
	case serde.EncodingJSON, serde.EncodingMsgPack, serde.EncodingCBOR:
		return kind.SchemaEncoding != "jsonschema" && hasFields(js)
	}
	return false // made by a schema, or text
}

// hasFields reports whether a JSON value has an object that is not empty.
func hasFields(js []byte) bool {
	tokens := json.NewDecoder(bytes.NewReader(js))
	began := false
	for {
		token, err := tokens.Token()
		if err != nil {
			return false
		}
		if began && token != json.Delim('}') {
			return true
		}
		began = token == json.Delim('{')
	}
}

// compile parses a schema. It loads nothing: the library itself has the drafts, and a reference to a file or a page is an error.
func compile(schema []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	const name = "topic:///schema"
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	if err := c.AddResource(name, doc); err != nil {
		return nil, err
	}
	return c.Compile(name)
}

// firstFault says what is wrong with the first field that does not fit.
func firstFault(e *jsonschema.ValidationError) error {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	fault := e.BasicOutput().Error.String()
	if len(e.InstanceLocation) == 0 {
		return errors.New(fault)
	}
	return fmt.Errorf("field %s: %s", strings.Join(e.InstanceLocation, "."), fault)
}
