package io.frz.host

import com.facebook.soloader.nativeloader.NativeLoader
import com.facebook.soloader.nativeloader.NativeLoaderDelegate
import java.io.File
import java.util.Properties

/**
 * The lite interpreter of PyTorch Mobile in this JVM. It uses the unchanged x86-64 libraries of the AAR, and
 * replacements for Android's system libraries, which are built from `src/main/native`.
 */
public object LiteRuntime {
    private const val PROPERTY = "frz.native"
    private const val BOOT = "libfrz_host.so"

    /**
     * Makes `org.pytorch` usable; later calls have no effect. Throws [IllegalStateException] if there is an [obstacle].
     */
    public fun start() {
        val folder = folder
        check(obstacle == null) { "PyTorch Mobile cannot run here: $obstacle" }
        synchronized(this) {
            if (NativeLoader.isInitialized()) return
            System.load(File(folder, BOOT).path)
            NativeLoader.init(Libraries(folder))
        }
    }

    /** The version of PyTorch Mobile. */
    public val version: String by lazy {
        val properties = Properties()
        LiteRuntime::class.java.getResourceAsStream("runtime.properties").use { properties.load(it) }
        properties.getProperty("pytorch_android_lite")
    }

    /** The reason why PyTorch Mobile cannot run here, or null if it can. */
    public val obstacle: String?
        get() = when {
            System.getProperty("os.name") != "Linux" || System.getProperty("os.arch") != "amd64" ->
                "its libraries are for x86-64, and need Linux with glibc"

            !File(folder, BOOT).isFile ->
                "there is no $BOOT in $folder; install a C compiler, or `pip install ziglang`, and build again"

            else -> null
        }

    /**
     * The folder of the libraries, which the system property `frz.native` specifies; by default, the one next to this
     * jar.
     */
    private val folder: File by lazy {
        // Classes defined by a test's class loader have no location, so only the property can specify the folder.
        System.getProperty(PROPERTY)?.let { return@lazy File(it).absoluteFile }
        val code = File(LiteRuntime::class.java.protectionDomain.codeSource.location.toURI())
        File(code.parentFile, "native")
    }

    private class Libraries(private val folder: File) : NativeLoaderDelegate {
        override fun loadLibrary(name: String, flags: Int): Boolean {
            System.load(getLibraryPath(name))
            return true
        }

        override fun getLibraryPath(name: String): String = File(folder, System.mapLibraryName(name)).path

        override fun getSoSourcesVersion(): Int = 0
    }
}
