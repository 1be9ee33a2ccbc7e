typedef unsigned long size_t;
typedef long long loff_t;
struct file { loff_t pos; size_t len; struct file *next; };
