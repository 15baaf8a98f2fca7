package service_test

import (
	"context"
	"fmt"
	"os"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// participants joins twice, as two processes would.
func participants() (robot, operator *topic.Participant, leave func()) {
	dir, err := os.MkdirTemp("", "shmbus-example-")
	check(err)
	robot, err = topic.Join(&topic.Options{Dir: dir, Unit: "robot"})
	check(err)
	operator, err = topic.Join(&topic.Options{Dir: dir})
	check(err)
	return robot, operator, func() {
		check(operator.Close())
		check(robot.Close())
		check(os.RemoveAll(dir))
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// A call sends a request and waits for the response.
func ExampleClient_Call() {
	ctx := context.Background()
	robot, operator, leave := participants()
	defer leave()
	server, err := service.NewServer(ctx, robot, "robot/greet", func(ctx context.Context, call *service.Call[string, string]) (string, error) {
		return "hello " + call.Request(), nil
	}, nil)
	check(err)
	defer server.Close()
	client, err := service.NewClient[string, string](ctx, operator, "robot/greet", nil)
	check(err)
	defer client.Close()
	fmt.Println(client.Call(ctx, "operator"))
	// Output: hello operator <nil>
}

// A stream has any number of responses.
func ExampleClient_Stream() {
	ctx := context.Background()
	robot, operator, leave := participants()
	defer leave()
	server, err := service.NewStreamServer(ctx, robot, "robot/count", func(ctx context.Context, call *service.Call[int, int]) error {
		for i := range call.Request() {
			check(call.Send(ctx, i))
		}
		return nil
	}, nil)
	check(err)
	defer server.Close()
	client, err := service.NewClient[int, int](ctx, operator, "robot/count", nil)
	check(err)
	defer client.Close()
	for n, err := range client.Stream(ctx, 3) {
		fmt.Println(n, err)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 2 <nil>
}

// A request without a response does not wait for the server.
func ExampleClient_Send() {
	ctx := context.Background()
	robot, operator, leave := participants()
	defer leave()
	done := make(chan bool)
	server, err := service.NewServer(ctx, robot, "robot/horn", func(ctx context.Context, call *service.Call[int, bool]) (bool, error) {
		fmt.Println("sound the horn", call.Request(), "times")
		done <- true
		return true, nil
	}, nil)
	check(err)
	defer server.Close()
	client, err := service.NewClient[int, bool](ctx, operator, "robot/horn", nil)
	check(err)
	defer client.Close()
	check(client.Send(ctx, 2))
	<-done
	// Output: sound the horn 2 times
}

// Servers of a group share the calls of one name.
func ExampleServerOptions_group() {
	ctx := context.Background()
	robot, operator, leave := participants()
	defer leave()
	for range 2 {
		server, err := service.NewServer(ctx, robot, "robot/plan", func(ctx context.Context, call *service.Call[int, int]) (int, error) {
			return call.Request() * call.Request(), nil
		}, &service.ServerOptions[int, int]{Group: true})
		check(err)
		defer server.Close()
	}
	client, err := service.NewClient[int, int](ctx, operator, "robot/plan", nil)
	check(err)
	defer client.Close()
	result, err := client.Call(ctx, 7)
	fmt.Println(len(client.Servers()), "servers:", result, err)
	// Output: 2 servers: 49 <nil>
}
