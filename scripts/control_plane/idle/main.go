// A pod's first process: sleeps and reaps. A word makes it something else for the tests: "once" ends well at once,
// "crash" ends with a complaint, "busy" burns a hundredth of a core.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func busy() {
	for range time.Tick(100 * time.Millisecond) {
		for end := time.Now().Add(time.Millisecond); time.Now().Before(end); {
		}
	}
}

func main() {
	word := append(os.Args, "")[1]
	switch word {
	case "once":
		return
	case "crash":
		fmt.Println("starting\npanic: no configuration at /etc/rig")
		os.Exit(2)
	case "busy":
		go busy()
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
