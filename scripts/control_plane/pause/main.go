// Sleeps and reaps, as a pod's first process must. A word makes it something else for the tests:
// "once" ends well at once, "crash" ends with a complaint.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "once" {
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "crash" {
		fmt.Println("starting\npanic: no configuration at /etc/rig")
		os.Exit(2)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for one := range signals {
		if one != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
