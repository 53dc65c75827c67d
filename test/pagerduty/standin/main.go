// Command standin serves a stand-in for PagerDuty, for trying alerts by hand:
//
//	go run ./test/pagerduty/standin [--listen 127.0.0.1:9199]
//	curl -s localhost:9199/incidents
//	curl -s -X POST 'localhost:9199/answer?with=429'
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/belfry-cron/belfry/test/pagerduty"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9199", "address to serve on")
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func serve(addr string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: &pagerduty.Server{}, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	fmt.Println("PagerDuty's stand-in: http://" + l.Addr().String() + "/incidents")
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
