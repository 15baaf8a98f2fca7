package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/shmbus/shmbus/bench/internal/proc"
	"github.com/shmbus/shmbus/bench/internal/trips"
)

// The only method of the service.
const (
	serviceName = "bench.Pair"
	methodName  = "Call"
)

// socket is the address of the server, in the current directory.
const socket = "grpc"

// bytesCodec leaves messages, which are *[]byte, as they are.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "bytes" }

func (bytesCodec) Marshal(v any) ([]byte, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("encode a message: it is a %T", v)
	}
	return *b, nil
}

func (bytesCodec) Unmarshal(b []byte, v any) error {
	into, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("decode a message: into a %T", v)
	}
	*into = append((*into)[:0], b...)
	return nil
}

// description describes the service, which returns every request.
func description() *grpc.ServiceDesc {
	answer := func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		b := new([]byte)
		if err := decode(b); err != nil {
			return nil, err
		}
		trips.Read(*b)
		return b, nil
	}
	return &grpc.ServiceDesc{ServiceName: serviceName, HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{MethodName: methodName, Handler: answer}}}
}

func serve(ctx context.Context, o trips.Options) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	s := grpc.NewServer(grpc.ForceServerCodec(bytesCodec{}))
	s.RegisterService(description(), struct{}{})
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	err = runClient(ctx, o)
	s.Stop()
	return errors.Join(err, <-ended)
}

// runClient starts the client, and prints what it prints.
func runClient(ctx context.Context, o trips.Options) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := proc.Run(ctx, "", nil, self, append(o.Args(), "-client")...)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}

func call(ctx context.Context, o trips.Options) error {
	c, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})))
	if err != nil {
		return err
	}
	defer c.Close()
	var response []byte
	return o.Run(ctx, os.Stdout, func(request []byte) ([]byte, error) {
		err := c.Invoke(ctx, "/"+serviceName+"/"+methodName, &request, &response)
		return response, err
	})
}
