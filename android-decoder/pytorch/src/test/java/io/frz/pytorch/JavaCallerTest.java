package io.frz.pytorch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import android.content.Context;
import android.content.res.AssetManager;
import io.frz.FrzException;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pytorch.Module;

/** The API as Java code sees it. */
class JavaCallerTest extends OnRuntime {
    /** The code of an app in Java; only compiled, since a JVM has no context. */
    @SuppressWarnings("unused")
    static void inAnApp(Context context, AssetManager assets, FrzCallback callback) throws IOException {
        Module module = FrzModule.load(context, "model.ptl", "model.frz");
        FrzModule.load(assets, context.getCacheDir(), "model.ptl", "model.frz").destroy();
        FrzModule.load(context, "model.ptl", "model.frz", FrzModuleOptions.DEFAULT).destroy();
        FrzLoading loading = FrzModule.loadAsync(context, "model.ptl", "model.frz", callback);
        loading.cancel();
        FrzModule.loadWeights(module, FrzPart.asset(context, "better.frz"));
        FrzModule.loadWeights(module, FrzPart.asset(assets, "better.frz"), FrzModuleOptions.DEFAULT);
    }

    @Test
    void loadsEveryPart(@TempDir Path folder) throws IOException {
        FrzPart weights = FrzPart.of(OnRuntime.Companion.resource("tiny.frz"));
        byte[] bytes = java.nio.file.Files.readAllBytes(OnRuntime.Companion.resource("tiny.ptl").toPath());
        FrzPart[] skeletons = {
            FrzPart.of(bytes), FrzPart.of(ByteBuffer.wrap(bytes)), FrzPart.of(new ByteArrayInputStream(bytes))
        };
        for (FrzPart skeleton : skeletons) {
            Module module = FrzModule.load(skeleton, weights, folder.toFile());
            assertArrayEquals(OnRuntime.Companion.getExpected(), OnRuntime.Companion.outputOf(module), 2e-4f);
            module.destroy();
        }
    }

    @Test
    void options() {
        Executor executor = Executors.newCachedThreadPool();
        FrzModuleOptions options = FrzModuleOptions.builder()
                .threads(2)
                .memoryBudget(1L << 30)
                .tier(1)
                .verify(true)
                .progress((done, total) -> {})
                .background(executor)
                .callbacks(executor)
                .build();
        FrzModuleOptions same = options.newBuilder().build();
        assertEquals(2, same.getThreads());
        assertEquals(Long.valueOf(1L << 30), same.getMemoryBudget());
        assertEquals(Integer.valueOf(1), same.getTier());
        assertTrue(same.getVerify());
        assertEquals(executor, same.getBackground());
        assertEquals(executor, same.getCallbacks());
        assertNull(FrzModuleOptions.DEFAULT.getProgress());
        assertThrows(IllegalArgumentException.class, () -> FrzModuleOptions.builder().threads(0));
        assertThrows(IllegalArgumentException.class, () -> FrzModuleOptions.builder().memoryBudget(-1));
        assertThrows(IllegalArgumentException.class, () -> FrzModuleOptions.builder().tier(-1));
    }

    @Test
    void failuresAreTyped(@TempDir Path folder) {
        File nothing = folder.resolve("nothing").toFile();
        try {
            FrzModule.load(nothing, nothing).destroy();
        } catch (FrzModuleException e) {
            assertEquals(FrzModuleException.Kind.UNREADABLE, e.getKind());
            return;
        } catch (FrzException e) {
            throw new AssertionError("the weights are not damaged", e);
        } catch (IOException e) {
            throw new AssertionError("not of a known kind", e);
        }
        throw new AssertionError("there was nothing to load");
    }
}
