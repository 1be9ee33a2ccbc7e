__attribute__((section(".data..percpu"))) long third = 3;
