// A replacement for Android's libandroid.so without assets, which are not needed because models are loaded from files.
#include <stddef.h>

void *AAssetManager_fromJava(void *env, void *object) { (void)env, (void)object; return NULL; }
void *AAssetManager_open(void *manager, const char *name, int mode) { (void)manager, (void)name, (void)mode; return NULL; }
void AAsset_close(void *asset) { (void)asset; }
const void *AAsset_getBuffer(void *asset) { (void)asset; return NULL; }
long AAsset_getLength(void *asset) { (void)asset; return 0; }
