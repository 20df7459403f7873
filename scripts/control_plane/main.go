// Program controlplane bundles the parts of a Kubernetes control plane, and kubectl, into one binary.
//
// It plays the part it is called as: link or copy it under a part's name. One binary instead of five
// compiles and links the shared nine tenths of Kubernetes only once.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics on /metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // kubernetes_build_info
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// cobraPart turns the constructor of a component's root command into something to run.
func cobraPart(root func() *cobra.Command) func() int {
	return func() int { return cli.Run(root()) }
}

func parts() map[string]func() int {
	return map[string]func() int{
		"etcd": func() int {
			etcdmain.Main(os.Args)
			return 0
		},
		"kube-apiserver":          cobraPart(apiserver.NewAPIServerCommand),
		"kube-controller-manager": cobraPart(controllermanager.NewControllerManagerCommand),
		"kube-scheduler":          cobraPart(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
		"kubectl":                 cobraPart(kubectl.NewDefaultKubectlCommand),
	}
}

func main() {
	called := filepath.Base(os.Args[0])
	known := parts()
	part, ok := known[called]
	if !ok {
		names := make([]string, 0, len(known))
		for name := range known {
			names = append(names, name)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "%s: link this program as one of %s and call that\n", called, strings.Join(names, ", "))
		os.Exit(2)
	}
	os.Exit(part())
}
